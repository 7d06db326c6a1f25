"""Records: identity by content, nothing unknown, nothing that is no number; names of folders."""

import json
import math
import random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from wgbench.config import Cell, Mode, Plugin, Protocol, Recipe, Record, Views, place, replaced, slug
from wgbench.errors import BadOption

VIEWS = Views(size=8, eval=(("resize", 9), ("crop", 8)))
RECIPE = Recipe(epochs=3, batch_size=4, lr=0.1)
SEEING = RECIPE.model_copy(update={"views": VIEWS, "loss": "vs", "loss_options": {"tau": 1.0}})
PLUGIN = Plugin(name="b", version=1, options={"width": 3, "depth": 1})
CELL = Cell(
    dataset=Plugin(name="d", version=1),
    backbone=PLUGIN,
    algorithm=Plugin(name="a", version=1),
    loss=Plugin(name="l", version=1),
    recipe=SEEING,
    seed=1,
)

# Another value for each field of each record: a new field needs a value here.
OTHERS = [
    (
        CELL,
        {
            "dataset": {"name": "d", "version": 2},
            "backbone": {"name": "b", "version": 1, "options": {"width": 4, "depth": 1}},
            "algorithm": {"name": "erm", "version": 1},
            "loss": {"name": "vs", "version": 1},
            "recipe": RECIPE.model_dump(),
            "seed": 2,
            "mode": {"precision": "bf16"},
            "data": "0123",
            "weights": "4567",
        },
    ),
    (
        SEEING,
        {
            "epochs": 4,
            "batch_size": 5,
            "lr": 0.2,
            "optimizer": "adamw",
            "momentum": 0.5,
            "schedule": "cosine",
            "warmup_epochs": 1,
            "clip_norm": 1.0,
            "weight_decay": 0.1,
            "l2_to_init": 0.1,
            "loss": "ldam",
            "loss_options": {"tau": 2.0},
            "label_smoothing": 0.1,
            "views": None,
            "pretrained": True,
        },
    ),
    (
        VIEWS,
        {
            "size": 9,
            "scale": None,
            "ratio": (1.0, 1.0),
            "flip": False,
            "jitter": 0.4,
            "eval": (("resize", 10), ("crop", 8)),
        },
    ),
    (PLUGIN, {"name": "c", "version": 2, "options": {"width": 3}}),
    (Mode(), {"precision": "fp64", "pipeline": "reference", "vectorized": True, "compiled": True}),
    (Protocol(), {"rules": "2.0", "seeds": (1,), "weight_decays": (0.0, 0.1), "early": (11, 21), "last": 11}),
]
CHANGES = [(record, name, value) for record, others in OTHERS for name, value in others.items()]


def changed(record, name, value):
    """A record with one field changed, validated as it would be when read from a file."""
    data = {**record.model_dump(), name: value}
    if isinstance(record, Views) and name == "size":
        data["eval"] = (("resize", 10), ("crop", value))
    return type(record).model_validate(data)


# Identity


@pytest.mark.parametrize(("record", "others"), OTHERS, ids=lambda x: type(x).__name__)
def test_each_field_has_another_value_above(record, others):
    missing = type(record).model_fields.keys() - others.keys()
    # A mode or an optimizer that is added later shows here.
    assert not missing


@pytest.mark.parametrize(("record", "name", "value"), CHANGES, ids=lambda x: x if isinstance(x, str) else "")
def test_each_field_changes_the_identity(record, name, value):
    other = changed(record, name, value)
    assert other != record
    assert other.digest() != record.digest()


def test_a_field_that_came_later_leaves_the_ids_of_older_records_alone():
    assert json.loads(Mode().canonical()) == {"precision": "fp32"}
    assert json.loads(CELL.canonical())["mode"] == {"precision": "fp32"}, "inside other records too"
    assert Mode().model_dump() == {"precision": "fp32", "pipeline": "fast", "vectorized": False, "compiled": False}, (
        "files hold it all"
    )


def test_changes_deep_inside_a_cell_change_its_id_all_differently():
    cells = [CELL, *(changed(CELL, name, value) for record, name, value in CHANGES if record is CELL)]
    cells += [changed(CELL, "recipe", changed(SEEING, name, value)) for r, name, value in CHANGES if r is SEEING]
    cells += [
        changed(CELL, "recipe", changed(SEEING, "views", changed(VIEWS, name, value)))
        for r, name, value in CHANGES
        if r is VIEWS
    ]
    cells += [
        changed(CELL, role, changed(PLUGIN, name, value))
        for role in ("dataset", "algorithm")
        for r, name, value in CHANGES
        if r is PLUGIN
    ]
    assert len({cell.id for cell in cells}) == len(cells)


def test_an_id_is_short_lower_case_hexadecimal():
    assert len(CELL.id) == 16
    assert set(CELL.id) <= set("0123456789abcdef")
    assert CELL.id == CELL.digest()


def test_the_canonical_form_is_sorted_and_tight():
    assert Plugin(name="é", version=1, options={"b": 0.1, "a": [1, None]}).canonical() == (
        '{"name":"\\u00e9","options":{"a":[1,null],"b":0.1},"version":1}'
    )


finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
plugins = st.builds(Plugin, name=st.text(), version=st.integers(), options=st.dictionaries(st.text(), json_values))
fractions = st.floats(-0.0, 1, exclude_max=True)
recipes = st.builds(
    Recipe,
    epochs=st.integers(1),
    batch_size=st.integers(1),
    lr=st.floats(0, exclude_min=True, allow_infinity=False),
    optimizer=st.sampled_from(["sgd", "adamw"]),
    momentum=fractions,
    schedule=st.sampled_from(["constant", "cosine"]),
    warmup_epochs=st.integers(0),
    clip_norm=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    weight_decay=st.floats(-0.0, allow_infinity=False),
    l2_to_init=st.floats(-0.0, allow_infinity=False),
    loss=st.text(),
    loss_options=st.dictionaries(st.text(), json_values),
    label_smoothing=fractions,
    views=st.none() | st.integers(1, 999).map(lambda n: Views(size=n, eval=(("resize", n),))),
    pretrained=st.booleans(),
)
cells = st.builds(
    Cell,
    dataset=plugins,
    backbone=plugins,
    algorithm=plugins,
    loss=plugins,
    recipe=recipes,
    seed=st.integers(0, 2**63 - 1),
    mode=st.builds(Mode, precision=st.sampled_from(["fp64", "fp32", "tf32", "bf16"])),
    data=st.none() | st.text(),
    weights=st.none() | st.text(),
)


@given(cells)
def test_json_makes_the_round_trip_exactly(cell):
    again = Cell.model_validate_json(cell.canonical())
    assert again == cell
    assert again.canonical() == cell.canonical()
    indented = Cell.model_validate(json.loads(json.dumps(cell.model_dump(mode="json"), indent=1, allow_nan=False)))
    assert indented.id == cell.id


def shuffled(value, rng):
    """The same JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], rng) for key in rng.sample(list(value), len(value))}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@given(cells, st.integers())
def test_the_order_of_keys_does_not_matter_at_any_depth(cell, seed):
    other = Cell.model_validate(shuffled(cell.model_dump(mode="json"), random.Random(seed)))
    assert other.id == cell.id


@given(recipes, recipes)
@example(RECIPE, RECIPE.model_copy(update={"lr": math.nextafter(0.1, 1)}))
def test_different_recipes_have_different_digests(a, b):
    assume(a != b)
    assert a.digest() != b.digest()


@pytest.mark.parametrize("name", ["weight_decay", "l2_to_init", "momentum", "label_smoothing"])
def test_minus_zero_is_zero(name):
    minus, plus = changed(RECIPE, name, -0.0), changed(RECIPE, name, 0.0)
    assert minus == plus
    assert minus.digest() == plus.digest()
    assert "-0" not in Protocol(weight_decays=(-0.0, 0.1)).canonical()


def test_numbers_are_the_same_however_they_are_written():
    assert (
        changed(RECIPE, "lr", 1).digest()
        == changed(RECIPE, "lr", "1.0").digest()
        == replaced(RECIPE, {"lr": 1.0}).digest()
    )


# What is refused


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["lr", "momentum", "clip_norm", "weight_decay", "l2_to_init", "label_smoothing"])
def test_recipes_refuse_what_is_no_number(name, bad):
    for value in (bad, str(bad)):
        with pytest.raises(ValidationError, match=name):
            changed(RECIPE, name, value)


@pytest.mark.parametrize("bad", [math.nan, math.inf, [1.0, math.nan], {"deep": [math.inf]}, object(), {1, 2}])
def test_options_refuse_what_json_cannot_hold(bad):
    with pytest.raises(ValidationError):
        Plugin(name="a", version=1, options={"nu": bad})
    with pytest.raises(ValidationError):
        changed(RECIPE, "loss_options", {"tau": bad})
    with pytest.raises(BadOption, match="loss_options"):
        replaced(RECIPE, {"loss_options.tau": bad})


@pytest.mark.parametrize(
    "bad",
    [
        {"lr": 0},
        {"lr": -1},
        {"epochs": 0},
        {"epochs": 1.5},
        {"batch_size": 0},
        {"momentum": 1},
        {"weight_decay": -1e-9},
        {"clip_norm": 0},
        {"label_smoothing": 1},
        {"warmup_epochs": -1},
        {"optimizer": "lion"},
        {"schedule": "step"},
        {"views": {"size": 8, "eval": []}},
        {"views": {"size": 8, "jitter": 1, "eval": [["crop", 8]]}},
        {"views": {"size": 8, "eval": [["resize", 9]]}},
        {"views": {"size": 8, "eval": [["resize", -9], ["crop", 8]]}},
        {"views": {"size": 8, "eval": [["zoom", 8]]}},
        {"views": {"size": 0, "eval": [["crop", 0]]}},
        {"learning_rate": 0.1},
    ],
)
def test_recipes_refuse_what_makes_no_sense(bad):
    with pytest.raises(ValidationError):
        Recipe(**{"epochs": 3, "batch_size": 4, "lr": 0.1, **bad})


@pytest.mark.parametrize(
    "bad",
    [
        {"seeds": ()},
        {"seeds": (1, 1)},
        {"seeds": (-1,)},
        {"seeds": (2**63,)},
        {"weight_decays": ()},
        {"weight_decays": (-0.1,)},
        {"weight_decays": (0.0, -0.0)},
        {"weight_decays": (math.nan,)},
        {"early": (5, 4)},
        {"early": (0, 4)},
        {"last": 0},
    ],
)
def test_protocols_refuse_what_makes_no_sense(bad):
    with pytest.raises(ValidationError):
        Protocol(**bad)


def test_the_protocol_of_the_rules_is_the_papers():
    full = Protocol()
    assert (full.seeds, full.early, full.last) == ((2002, 2022, 2042, 2062, 2082), (11, 20), 10)


@pytest.mark.parametrize("record", [CELL, SEEING, VIEWS, PLUGIN, Mode(), Protocol()], ids=lambda r: type(r).__name__)
def test_records_are_frozen_and_closed(record):
    name = next(iter(type(record).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, name, getattr(record, name))
    with pytest.raises(ValidationError, match="surprise"):
        type(record).model_validate({**record.model_dump(), "surprise": 1})
    assert isinstance(record, Record)


# Changes by dotted name


def test_replaced_changes_what_it_is_told_and_nothing_else():
    before = SEEING.canonical()
    made = replaced(SEEING, {"lr": "0.5", "epochs": "7"})
    assert (made.lr, made.epochs) == (0.5, 7)
    assert made == SEEING.model_copy(update={"lr": 0.5, "epochs": 7})
    assert replaced(SEEING, {}) == SEEING
    assert SEEING.canonical() == before


@pytest.mark.parametrize("order", [1, -1])
def test_replaced_reaches_inside_in_any_order(order):
    changes = [("views.size", 6), ("views.eval", [["resize", 7], ["crop", 6]]), ("views.flip", False)]
    views = replaced(SEEING, dict(changes[::order])).views
    assert views == VIEWS.model_copy(update={"size": 6, "eval": (("resize", 7), ("crop", 6)), "flip": False})
    assert VIEWS.size == 8


def test_a_size_by_itself_takes_the_steps_of_evaluation_along():
    at_224 = SEEING.model_copy(update={"views": Views(size=224, eval=(("resize", 256), ("crop", 224)))})
    views = replaced(at_224, {"views.size": 64}).views
    assert (views.size, views.eval) == (64, (("resize", 73), ("crop", 64)))
    assert replaced(at_224, {"views.size": 224}) == at_224


def test_replaced_sets_and_unsets_a_part_as_a_whole():
    assert replaced(SEEING, {"views": None}).views is None
    assert replaced(RECIPE, {"views": {"size": 8, "eval": [["resize", 9], ["crop", 8]]}}).views == VIEWS
    assert replaced(RECIPE, {"views": VIEWS.model_dump(), "views.flip": False}).views.flip is False


def test_replaced_takes_options_of_the_loss_that_are_not_there_yet():
    made = replaced(SEEING, {"loss_options.gamma": 0.5, "loss_options.tau": 3.0})
    assert made.loss_options == {"tau": 3.0, "gamma": 0.5}
    assert SEEING.loss_options == {"tau": 1.0}
    assert replaced(RECIPE, {"loss_options.tau": 1}).loss_options == {"tau": 1}
    assert RECIPE.loss_options == {}


@pytest.mark.parametrize(
    ("recipe", "changes", "said"),
    [
        (RECIPE, {"lrr": 1}, r"no option 'lrr'; did you mean lr\?"),
        (RECIPE, {"batchsize": 1}, r"did you mean batch_size\?"),
        (RECIPE, {"": 1}, "no option ''; the options are batch_size, "),
        (RECIPE, {"zzzz": 1}, "the options are batch_size, clip_norm, "),
        (RECIPE, {"zzzz.size": 1}, "no option 'zzzz.size'; the options are batch_size, "),
        (RECIPE, {"model_config": {}}, "no option 'model_config'"),
        (RECIPE, {"lr.x": 1}, "no option 'lr.x'; lr is 0.1 here and has no parts: set it whole"),
        (RECIPE, {"lr.": 1}, "no option 'lr.'; lr is 0.1 here"),
        (RECIPE, {"views.size": 8}, "no option 'views.size'; views is None here and has no parts: set it whole"),
        (RECIPE, {"views.sizes": 8}, "views is None here"),
        (SEEING, {"views.sizes": 8}, r"no option 'views.sizes'; did you mean size\?"),
        (SEEING, {"view.size": 8}, r"no option 'view.size'; did you mean views\?"),
        (SEEING, {"views.": 8}, "no option 'views.'; the options are eval, flip, jitter, ratio, scale, size"),
        (SEEING, {".views": 8}, "no option '.views'"),
        (SEEING, {"views.size.x": 8}, "size is 8 here and has no parts"),
        (SEEING, {"views.eval.x": 8}, "eval is .* here and has no parts"),
        (
            SEEING,
            {"views.size": 6, "views.eval": [["crop", 8]]},
            "recipe.views: the last step of eval must end at",
        ),
        (SEEING, {"views": 6}, "recipe.views=6: "),
        (SEEING, {"views.flip": "maybe"}, "recipe.views.flip=maybe: .*valid boolean"),
        (RECIPE, {"lr": "fast"}, "recipe.lr=fast: .*valid number.*`wgbench info`"),
        (RECIPE, {"lr": "nan"}, "recipe.lr=nan: .*finite"),
        (RECIPE, {"epochs": None}, "recipe.epochs=None: "),
    ],
)
def test_replaced_says_what_does_not_fit_in_one_line(recipe, changes, said):
    with pytest.raises(BadOption, match=said) as caught:
        replaced(recipe, changes)
    assert "\n" not in str(caught.value)


@given(
    st.text()
    | st.sampled_from(["lr", "views", "size", "loss_options", "."]).flatmap(lambda a: st.text().map(a.__add__))
)
def test_any_other_name_is_refused_and_never_crashes(name):
    try:
        made = replaced(SEEING, {name: 1})
    except BadOption:
        return
    assert name in Recipe.model_fields or name.startswith(("views.", "loss_options."))
    assert made != SEEING or name in ("loss_options.tau", "views.flip")


# Folders


PLAIN = ["erm", "gdro-balanced", "colored-digits", "a", "x2", "resnet18.tv_in1k", "group_dro"]
AWKWARD = [
    "",
    ".",
    "..",
    "...",
    ".git",
    "-rf",
    "a/b",
    "a\\b",
    "../..",
    "/etc",
    "a.",
    "a b",
    "C:",
    "é",
    "x\0y",
    "\n",
    "~",
]


@given(st.text() | st.text("ab./\\-_:A0"))
@example("a.")
@example("a/" * 500)
@example("a" * 500)
def test_a_slug_is_one_safe_folder_name(name):
    made = slug(name)
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert made[0] not in ".-"
    assert made[-1] != "."
    assert len(made) <= 80


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_name_is_its_own_slug(name):
    assert slug(name) == name


@given(st.text() | st.text("abAB./-_:"), st.text() | st.text("abAB./-_:"))
@example("timm:Net", "timm:net")
@example("Net", "net")
@example("a/b", "a:b")
@example("", ".")
@example("x" * 100 + "a", "x" * 100 + "b")
def test_distinct_names_have_distinct_slugs_even_where_case_does_not_count(a, b):
    assert (slug(a).casefold() == slug(b).casefold()) == (a == b)


def test_no_name_takes_the_slug_of_another():
    slugs = {name: slug(name) for name in [*PLAIN, *AWKWARD]}
    assert len(set(slugs.values())) == len(slugs)
    for name, made in slugs.items():
        assert made == name or slug(made) not in slugs.values()  # a name that is written like somebody's slug


def test_a_place_is_three_readable_folders():
    timm = Plugin(name="timm:resnet18.tv_in1k", version=1)
    dataset, backbone, algorithm = place(CELL.dataset, timm, CELL.algorithm).split("/")
    assert (dataset, algorithm) == ("d-v1", "a")
    assert backbone.startswith("timm-resnet18.tv_in1k-")
    assert place(Plugin(name="d", version=2), timm, CELL.algorithm).startswith("d-v2/")
    evil = Plugin(name="../../x", version=1)
    assert place(evil, evil, evil).count("/") == 2
    assert ".." not in place(evil, evil, evil).split("/")
