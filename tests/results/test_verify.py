"""Which differences between stated and found counts the two rules allow."""

import numpy as np
import pytest

from wgbench.config import Mode
from wgbench.results.verify import Ground, Whole, compare, elsewhere

GROUND = Ground(("a", "b"), {"train": (1000, 100), "val": (50, 50), "test": (1000, 100)}, Mode(precision="fp32"))
STATED = {(1, epoch, split): [40, 30] for epoch in range(1, 31) for split in ("train", "val", "test")}


def with_counts(place, *correct):
    return {**STATED, place: list(correct)}


def test_equal_counts_are_reproduced_exactly_under_either_rule():
    for rule in ("exact", "tolerance"):
        found = compare(STATED, dict(STATED), GROUND, rule)
        assert (str(found), found.epochs, found.largest) == ("reproduced exactly", 30, None)


def test_the_exact_rule_names_the_first_difference_and_the_largest():
    other = with_counts((1, 9, "test"), 40, 29) | {(1, 9, "val"): [40, 32], (1, 12, "train"): [50, 30]}
    found = compare(STATED, other, GROUND, "exact")
    assert str(found) == "not reproduced: stage 1, epoch 9, val, group b: stated 30, found 32"
    assert str(found.largest) == "stage 1, epoch 12, train, group a: stated 40, found 50"


@pytest.mark.parametrize(
    ("place", "correct", "precision", "fine"),
    [
        ((1, 5, "test"), (40, 33), "fp32", True),  # three examples, whatever the group's size
        ((1, 5, "test"), (40, 34), "fp32", False),
        ((1, 5, "test"), (60, 30), "fp32", True),  # 2 % of 1000
        ((1, 5, "test"), (61, 30), "fp32", False),
        ((1, 5, "test"), (120, 30), "bf16", True),  # 8 %
        ((1, 5, "test"), (121, 30), "bf16", False),
        ((1, 20, "test"), (40, 40), "fp32", False),
        ((1, 21, "test"), (40, 40), "fp32", True),  # later epochs are not judged
    ],
)
def test_the_tolerance_is_three_examples_or_a_share_over_the_first_epochs(place, correct, precision, fine):
    ground = Ground(GROUND.group_names, GROUND.total, Mode(precision=precision))
    found = compare(STATED, with_counts(place, *correct), ground, "tolerance")
    assert found.reproduced is fine
    assert not found.exact
    assert ("within tolerance" if fine else f"epoch {place[1]}") in str(found)


@pytest.mark.parametrize("rule", ["exact", "tolerance"])
def test_an_epoch_that_one_side_lacks_is_never_allowed(rule):
    less = {place: n for place, n in STATED.items() if place != (1, 25, "test")}
    said = "stage 1, epoch 25, test, correct in all groups: stated {}, found {}"
    assert str(compare(STATED, less, GROUND, rule).broken) == said.format(70, "nothing")
    assert str(compare(less, STATED, GROUND, rule).broken) == said.format("nothing", 70)


def whole(classes=(0,) * 200, *, moment="final", **scores):
    return Whole({"wga_final": 0.5, "selected_epoch": 7, **scores}, {moment: np.array(classes, dtype=np.int16)})


def ends(stated, found, rule="tolerance"):
    return compare(STATED, dict(STATED), GROUND, rule, (stated, found))


def test_scores_and_predictions_of_a_whole_run_count_too():
    assert str(ends(whole(), whole(), "exact")) == "reproduced exactly"
    said = str(ends(whole(), whole(wga_final=0.51), "exact"))
    assert said == "not reproduced: wga_final: stated 0.5000, found 0.5100"
    said = str(ends(whole(), whole((1,) + (0,) * 199), "exact"))
    assert said == "not reproduced: final predictions that agree: stated 200, found 199"


def test_the_tolerance_holds_means_and_predictions_to_the_share():
    assert ends(whole(), whole(wga_final=0.515)).reproduced
    assert not ends(whole(), whole(wga_final=0.525)).reproduced
    assert not ends(whole(), whole(wga_final=None)).reproduced
    assert ends(whole(), whole(selected_epoch=19)).reproduced  # a maximum may jump
    assert ends(whole(), whole((1,) * 4 + (0,) * 196)).reproduced  # 2 % of 200
    assert not ends(whole(), whole((1,) * 5 + (0,) * 195)).reproduced
    assert ends(whole(moment="selected"), whole((1,) * 200, moment="selected")).reproduced
    assert not ends(whole(), whole(moment="early")).reproduced


HERE = {"platform": "Linux", "device": "X (CPU)", "threads": 1, "deterministic": False, "packages": {"torch": "2.15"}}


def test_equality_is_asked_for_only_where_everything_that_rounds_is_the_same():
    assert elsewhere(HERE, {**HERE, "revision": "abc", "python": "3.13"}) == []
    assert elsewhere(HERE, {**HERE, "threads": 2, "packages": {"torch": "2.16"}}) == ["threads", "torch"]
    gpu = {**HERE, "device": "H100"}
    assert elsewhere(gpu, gpu) == ["a GPU without --deterministic"]
    assert elsewhere({**gpu, "deterministic": True}, {**gpu, "deterministic": True}) == []
    assert elsewhere({}, HERE) == ["platform", "device", "threads", "deterministic", "torch"]
