"""Options of plug-ins: what is accepted, what is refused in one line, what is recorded."""

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from wgbench.errors import BadOption, BrokenPlugin
from wgbench.options import build, dump, suggestion

if TYPE_CHECKING:
    from collections import OrderedDict


@dataclass(frozen=True)
class Knobs:
    version: ClassVar[int] = 1

    nu: Annotated[float, Field(gt=0, lt=1)] = 0.1
    steps: int = 3
    mode: Literal["hard", "soft"] = "hard"
    widths: tuple[int, ...] = (64, 64)
    cap: float | None = None
    flip: bool = False
    label: str = ""
    extra: dict[str, float] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    shares: tuple[Annotated[float, Field(le=1)], ...] = ()
    rounds: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class Needy:
    name: str
    size: int = 1


@dataclass(frozen=True)
class Derived:
    half: float = 1.0
    double: float = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "double", 2 * self.half)


@dataclass(frozen=True)
class Window:
    first: int = 1
    last: int = 2

    def __post_init__(self):
        if self.first > self.last:
            raise ValueError("the window ends before it begins")


@dataclass(frozen=True)
class Loose:
    rate: float = 1
    rates: tuple[float, ...] = (1, 2)


@dataclass(frozen=True)
class Wrong:
    rate: float = None


@dataclass(frozen=True)
class Hidden:
    table: "OrderedDict[str, int] | None" = None


@dataclass(frozen=True)
class Odd:
    thing: json.JSONEncoder | None = None


class Plain:
    nu = 1


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"nu": "0.25"}, "nu", 0.25),
        ({"steps": "7"}, "steps", 7),
        ({"steps": 7.0}, "steps", 7),
        ({"cap": 1}, "cap", 1.0),
        ({"cap": None}, "cap", None),
        ({"widths": ["8", 9]}, "widths", (8, 9)),
        ({"flip": "true"}, "flip", True),
        ({"mode": "soft"}, "mode", "soft"),
        ({"extra": {"a": "1e-3"}}, "extra", {"a": 0.001}),
        ({"kinds": ["b", "a", "b"]}, "kinds", frozenset("ab")),
    ],
)
def test_values_become_what_the_field_says(given, name, value):
    found = getattr(build(Knobs, given, "knobs"), name)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nuu": 1}, "knobs: no option 'nuu'; did you mean nu?"),
        ({"Steps": 1}, "knobs: no option 'Steps'; did you mean steps?"),
        ({"version": 2}, "knobs: no option 'version'"),
        ({"__class__": 2}, "knobs: no option '__class__'; the options are cap, extra, flip, kinds, label"),
        (
            {"nu": "fast"},
            "knobs, nu='fast': .*valid number.*; give a value of type float, greater than 0 and",
        ),
        ({"nu": 2}, "nu=2: it should be less than 1; give a value of type float, greater than 0 and less than 1$"),
        ({"shares": [2]}, "shares=[2]: 0: it should be .*; give a value of type tuple[float, ...], at most 1$"),
        ({"rounds": 0}, "rounds=0: it should be .*; give a value of type int | None, at least 1$"),
        ({"steps": 1.5}, "knobs, steps=1.5: .*; give a value of type int$"),
        ({"mode": "lazy"}, "'hard' or 'soft'; give a value of type Literal['hard', 'soft']$"),
        ({"widths": 64}, "; give a value of type tuple[int, ...]$"),
        ({"widths": [1, "x"]}, "knobs, widths=[1, 'x']: 1: .*valid integer"),
        ({"cap": "x"}, "; give a value of type float | None$"),
        ({"nu": None}, "knobs, nu=None: "),
        ({"label": 3}, "; give a value of type str$"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(given, said):
    with pytest.raises(BadOption) as caught:
        build(Knobs, given, "knobs")
    line = str(caught.value)
    assert "\n" not in line
    parts = said.removesuffix("$").split(".*")
    places = [line.find(part) for part in parts]
    assert -1 not in places, line
    assert places == sorted(places)
    assert not said.endswith("$") or line.endswith(parts[-1])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrap", [lambda x: {"cap": x}, lambda x: {"cap": str(x)}, lambda x: {"extra": {"a": x}}])
def test_what_is_no_number_is_refused_since_json_cannot_hold_it(bad, wrap):
    with pytest.raises(BadOption, match="finite number"):
        build(Knobs, wrap(bad), "knobs")


def test_an_option_without_default_is_asked_for():
    with pytest.raises(BadOption, match="needy: option 'name' has no default; give it: --set name="):
        build(Needy, {"size": 2}, "needy")
    assert build(Needy, {"name": "x"}, "needy") == Needy("x")


def test_derived_fields_are_no_options():
    made = build(Derived, {"half": 2}, "derived")
    assert made.double == 4.0
    assert dump(made) == {"half": 2.0}
    with pytest.raises(BadOption, match="no option 'double'"):
        build(Derived, {"double": 2}, "derived")


def test_a_combination_that_the_class_refuses():
    with pytest.raises(BadOption, match="window: the window ends before it begins; choose other values"):
        build(Window, {"first": 3}, "window")


@pytest.mark.parametrize(
    ("cls", "given", "said"),
    [
        (Plain, {}, "mine: Plain is no dataclass; decorate it with @dataclass"),
        (Hidden, {}, "mine: an annotation of Hidden means nothing .*OrderedDict.*; import it outside TYPE_CHECKING"),
        (Odd, {"thing": 1}, "mine, thing=1: options cannot be of type .*JSONEncoder.*; use numbers, strings"),
    ],
)
def test_a_class_that_cannot_hold_options_is_its_authors_mistake(cls, given, said):
    with pytest.raises(BrokenPlugin, match=said):
        build(cls, given, "mine")


def test_the_record_does_not_depend_on_how_a_value_was_written():
    # Defaults are taken as they stand, and 1 is a fine default of a float; as JSON, 1 and 1.0 are two texts.
    default, given = dump(Loose()), dump(build(Loose, {"rate": 1, "rates": [1, 2]}, "loose"))
    assert json.dumps(default) == json.dumps(given) == '{"rate": 1.0, "rates": [1.0, 2.0]}'


def test_a_default_that_does_not_fit_is_named():
    with pytest.raises(BadOption, match=r"Wrong\.rate: .*valid number"):
        dump(Wrong())


def test_a_set_is_recorded_in_the_same_order_by_every_process():
    code = (
        "from dataclasses import dataclass\nfrom wgbench.options import dump\n"
        "@dataclass(frozen=True)\nclass A:\n    kinds: frozenset[str] = frozenset('qwertyuiop')\nprint(dump(A()))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in "123"
    }
    assert said == {f"{{'kinds': {sorted('qwertyuiop')}}}\n".encode()}


KNOBS = st.builds(
    Knobs,
    nu=st.floats(0, 1, exclude_min=True, exclude_max=True),
    steps=st.integers(),
    mode=st.sampled_from(["hard", "soft"]),
    widths=st.lists(st.integers()).map(tuple),
    cap=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    flip=st.booleans(),
    label=st.text(),
    extra=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    kinds=st.frozensets(st.text()),
)


@given(KNOBS)
def test_options_survive_json(knobs):
    text = json.dumps(dump(knobs), allow_nan=False)
    again = build(Knobs, json.loads(text), "knobs")
    assert again == knobs
    assert json.dumps(dump(again)) == text


def test_suggestions():
    assert suggestion("widht", {"width", "depth"}) == "did you mean width?"
    assert suggestion("zzz", {"width", "depth"}) == "the options are depth, width"
    assert suggestion("zzz", set()) == "it takes no options"
