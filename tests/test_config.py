"""Records: identity by content, nothing unknown, nothing that is no number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from wgbench.config import Cell, Mode, Plugin, Protocol, Recipe, Views, place, replaced, slug
from wgbench.errors import BadOption

RECIPE = Recipe(epochs=3, batch_size=4, lr=0.1)
CELL = Cell(
    dataset=Plugin(name="d", version=1),
    backbone=Plugin(name="b", version=1, options={"width": 3, "depth": 1}),
    algorithm=Plugin(name="a", version=1),
    recipe=RECIPE,
    seed=1,
)
CHANGES = [
    {"dataset": Plugin(name="d", version=2)},
    {"dataset": Plugin(name="e", version=1)},
    {"backbone": Plugin(name="b", version=1, options={"width": 4, "depth": 1})},
    {"algorithm": Plugin(name="a", version=1, options={"nu": 0.1})},
    {"recipe": RECIPE.model_copy(update={"weight_decay": 0.1})},
    {"recipe": RECIPE.model_copy(update={"loss_options": {"tau": 2.0}})},
    {"recipe": RECIPE.model_copy(update={"views": Views(size=8, eval=(("resize", 8),))})},
    {"seed": 2},
    {"mode": Mode(precision="bf16")},
    {"data": "0123"},
    {"weights": "4567"},
]


def test_everything_that_changes_a_result_changes_the_id():
    ids = {CELL.id, *(CELL.model_copy(update=change).id for change in CHANGES)}
    assert len(ids) == len(CHANGES) + 1
    assert set(Cell.model_fields) == {name for change in CHANGES for name in change}  # a new field needs a row above


def test_the_order_of_options_does_not_matter():
    other = Plugin(name="b", version=1, options={"depth": 1, "width": 3})
    assert CELL.model_copy(update={"backbone": other}).id == CELL.id


def test_json_makes_the_round_trip_exactly():
    cell = CELL.model_copy(update={"recipe": RECIPE.model_copy(update={"lr": 0.1 + 0.2})})
    again = Cell.model_validate_json(cell.canonical())
    assert again == cell
    assert again.id == cell.id


@pytest.mark.parametrize(
    "bad", [{"lr": math.nan}, {"lr": math.inf}, {"lr": 0}, {"epochs": 0}, {"momentum": 1}, {"x": 1}]
)
def test_recipes_refuse_what_makes_no_sense(bad):
    with pytest.raises(ValidationError):
        Recipe(**{"epochs": 3, "batch_size": 4, "lr": 0.1, **bad})


@pytest.mark.parametrize(
    "bad", [{"seeds": ()}, {"seeds": (1, 1)}, {"weight_decays": (-0.1,)}, {"early": (5, 4)}, {"last": 0}]
)
def test_protocols_refuse_what_makes_no_sense(bad):
    with pytest.raises(ValidationError):
        Protocol(**bad)


def test_records_are_frozen():
    with pytest.raises(ValidationError):
        RECIPE.lr = 1.0


def test_replaced_changes_one_field_and_reaches_inside():
    assert replaced(RECIPE, {"lr": "0.5"}).lr == 0.5
    views = RECIPE.model_copy(update={"views": Views(size=8, eval=(("resize", 8),))})
    changed = replaced(views, {"views.size": 6, "views.eval": [["resize", 7], ["crop", 6]]})
    assert (changed.views.size, changed.views.eval) == (6, (("resize", 7), ("crop", 6)))
    assert replaced(views, {"views": None}).views is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lrr": 1}, "no option 'lrr'; did you mean lr?"),
        ({"views.sizes": 1}, "no option 'views.sizes'"),
        ({"lr.x": 1}, "no option 'lr.x'"),
        ({"lr": "fast"}, "lr: .*valid number"),
        ({"views": {"size": 8, "eval": [["resize", 9]]}}, "must end at size 8"),
    ],
)
def test_replaced_says_what_does_not_fit(changes, said):
    with pytest.raises(BadOption, match=said):
        replaced(RECIPE, changes)


@given(st.text())
def test_a_slug_is_always_one_safe_folder_name(name):
    made = slug(name)
    assert made
    assert made not in (".", "..")
    assert not made.startswith(("-", "."))
    assert all(c.isascii() and (c.isalnum() or c in "._-") for c in made)


@given(st.text(), st.text())
def test_names_keep_apart(a, b):
    assert (slug(a) == slug(b)) == (a == b)


def test_a_place_is_readable():
    assert place(CELL.dataset, Plugin(name="timm:resnet18.tv_in1k", version=1), CELL.algorithm).startswith(
        "d-v1/timm-resnet18"
    )
