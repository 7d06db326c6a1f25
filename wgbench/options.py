"""Options of plug-ins: the fields of a frozen dataclass, validated against their annotations."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from wgbench.errors import BadOption, BrokenPlugin

T = TypeVar("T")


def build(cls: type[T], options: Mapping[str, Any], asked: str) -> T:
    """An instance of the frozen dataclass `cls`; BadOption for an unknown field or a value that does not fit."""
    if not dataclasses.is_dataclass(cls):
        raise BrokenPlugin(asked, f"{cls.__name__} is no dataclass", "decorate it with @dataclass(frozen=True)")
    fields = {f.name for f in dataclasses.fields(cls) if f.init}
    for name in options:
        if name not in fields:
            raise BadOption(asked, f"no option {name!r}", suggestion(name, fields))
    missing = [
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name not in options
    ]
    if missing:
        raise BadOption(asked, f"option {missing[0]!r} has no default", f"give it: --set {missing[0]}=...")
    hints = get_type_hints(cls, include_extras=True)
    return cls(
        **{name: _validated(hints[name], value, f"{asked}, {name}={value!r}") for name, value in options.items()}
    )


def dump(instance: Any) -> dict[str, Any]:
    """All options of an instance, as JSON values."""
    hints = get_type_hints(type(instance), include_extras=True)
    return {
        f.name: TypeAdapter(hints[f.name]).dump_python(getattr(instance, f.name), mode="json")
        for f in dataclasses.fields(instance)
    }


def suggestion(name: str, known: set[str]) -> str:
    """What to write instead of an unknown field name."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    return f"the options are {', '.join(sorted(known))}" if known else "it takes no options"


def first_problem(error: ValidationError) -> str:
    """The first complaint of pydantic, in one line."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else str(problem["msg"])


def _validated(annotation: Any, value: Any, asked: str) -> Any:
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        wanted = getattr(annotation, "__name__", str(annotation))
        raise BadOption(asked, first_problem(error), f"give a value of type {wanted}") from None
