"""Names of entries: enough to tell them apart, and no more."""

import pytest
from committed import committed

from wgbench.config import Plugin
from wgbench.results import schema
from wgbench.results.labels import apart, distinct, named


@pytest.fixture(scope="module")
def gdro():
    return schema.read(committed("gdro"))


def edited(entry, **changes):
    """An entry that states something else; `nu` is the algorithm's, `epochs` the recipe's."""
    if (nu := changes.pop("nu", None)) is not None:
        options = {**entry.algorithm.options, "nu": nu}
        changes["algorithm"] = entry.algorithm.model_copy(update={"options": options})
    if (epochs := changes.pop("epochs", None)) is not None:
        changes["recipe"] = entry.recipe.model_copy(update={"epochs": epochs})
    return entry.model_copy(update=changes)


def test_settings_that_differ_are_said_but_not_at_the_datasets_own_value(gdro):
    kept = [
        gdro,
        schema.read(committed("iw")),
        edited(gdro, nu=0.1),
        edited(gdro, epochs=50, partial=("epochs 50 instead of 300",)),
    ]
    assert distinct(kept) == ["gdro", "iw", "gdro, nu 0.1", "gdro, epochs 50"]


def test_options_that_were_set_by_hand_are_said_without_another_entry_beside_it(gdro):
    assert (named(gdro), named(edited(gdro, nu=0.1))) == ("gdro", "gdro, nu 0.1")
    found = edited(gdro, nu=0.1, tuning=gdro.tuning.model_copy(update={"configurations": 8}))
    assert named(found) == "gdro", "a search is told by itself"
    jtt = schema.read(committed("jtt"))
    assert named(jtt) == "jtt", "the dataset's own options are its defaults"
    assert named(edited(gdro, algorithm=Plugin(name="theirs", version=1, options={"x": 1}))) == "theirs"


def test_a_grid_that_was_narrowed_is_said(gdro):
    protocol = gdro.protocol.model_copy(update={"weight_decays": (0.0, 0.1)})
    lines = ("weight decays 0,0.1 instead of 0,0.003,0.05,0.1,0.3",)
    assert distinct([gdro, edited(gdro, protocol=protocol, partial=lines)]) == ["gdro", "gdro, weight decays 0 0.1"]


def test_another_loss_is_always_said_and_its_options_where_they_differ(gdro):
    vs = [Plugin(name="vs", version=1, options={"gamma": gamma, "tau": 1.25}) for gamma in (0.15, 0.3)]
    first, second = (edited(gdro, loss=loss) for loss in vs)
    assert named(first) == "gdro, loss vs"
    assert distinct([gdro, first]) == ["gdro", "gdro, loss vs"]
    assert apart([gdro, first, second]) == [(), ("loss vs", "gamma 0.15"), ("loss vs", "gamma 0.3")]


def test_networks_and_data_of_other_options_are_told_apart(gdro):
    narrow = gdro.backbone.model_copy(update={"options": {**gdro.backbone.options, "width": 8}})
    fewer = gdro.dataset.model_copy(update={"options": {**gdro.dataset.options, "draw": 3}})
    found = distinct(
        [
            gdro,
            edited(gdro, backbone=narrow, partial=("backbone.width 8 instead of 256",)),
            edited(gdro, dataset=fewer, partial=("dataset.draw 3 instead of 0",)),
        ]
    )
    assert found == ["gdro", "gdro, width 8", "gdro, draw 3"]


def test_entries_that_differ_in_nothing_are_told_apart_by_their_id(gdro):
    assert distinct([gdro, edited(gdro, id="0123456789abcdef")]) == [f"gdro {gdro.id[:6]}", "gdro 012345"]


def test_the_machine_is_no_part_of_a_name(gdro):
    elsewhere = edited(gdro, id="0123456789abcdef", environment={**gdro.environment, "threads": 64})
    assert all(name.startswith("gdro ") and "64" not in name for name in distinct([gdro, elsewhere]))
