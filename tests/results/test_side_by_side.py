"""The paper's table beside measured entries: numbers, intervals, what is missing and what differs."""

from pathlib import Path

import pytest
from committed import committed
from scipy import stats

from wgbench.results import schema
from wgbench.results.reported import rows, settings
from wgbench.results.side_by_side import departing, departures, side_by_side

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"


@pytest.fixture
def waterbirds():
    """Committed numbers, as if Group DRO had reached them on Waterbirds in the paper's own setting."""
    entry = schema.read(committed("gdro"))
    (setting,) = [s for s in settings() if s.dataset == "waterbirds"]
    backbone = entry.backbone.model_copy(update={"name": setting.backbone, "start": "pretrained"})
    dataset = entry.dataset.model_copy(update={"name": "waterbirds"})
    return entry.model_copy(update={"dataset": dataset, "backbone": backbone, "recipe": setting.recipe})


def line(found, weight_decay, early=False):
    (kept,) = [
        x for x in found if x.entry is not None and (x.reported.weight_decay, x.reported.early) == (weight_decay, early)
    ]
    return kept


def test_without_entries_every_row_is_missing():
    found = side_by_side([])
    assert [x.reported for x in found] == list(rows())
    assert all(x.entry is None and x.wga_difference is None for x in found)
    assert departing(found) == []


def test_differences_are_ours_minus_the_papers_with_welchs_interval(waterbirds):
    found = line(side_by_side([waterbirds]), 0)
    ours = waterbirds.scores.wga_final
    seeds = list(ours.per_seed.values())
    sd = 0.016 * 5**0.5 / 2.776445105  # the paper: 64.5 +- 1.6 over 5 seeds
    assert found.wga_difference.mean == pytest.approx(ours.mean - 0.645)
    for bound in (found.wga_difference.low, found.wga_difference.high):  # a difference there would have p = .05
        test = stats.ttest_ind_from_stats(ours.mean - bound, stats.tstd(seeds), 5, 0.645, sd, 5, equal_var=False)
        assert test.pvalue == pytest.approx(0.05, rel=1e-6)
    assert found.departures == ()


def test_rows_take_the_moment_and_the_weight_decay_that_they_speak_of(waterbirds):
    found = side_by_side([waterbirds])
    assert line(found, 0, early=True).wga == waterbirds.scores.wga_early
    assert line(found, 0, early=True).train_acc == waterbirds.scores.train_acc_early
    (point,) = [p for p in waterbirds.scores.wd_curve if p.weight_decay == 0.05]
    assert line(found, 0.05).wga == point.wga
    run = {(x.reported.algorithm, x.moment) for x in found if x.entry is not None}
    assert run == {("gdro", m) for m in ("0", "early", "0.05", "0.1")}  # .15 and .2 are not in this grid


def test_departures_from_the_papers_setting_are_said(waterbirds):
    changed = waterbirds.model_copy(
        update={
            "recipe": waterbirds.recipe.model_copy(update={"epochs": 20, "label_smoothing": 0.1}),
            "algorithm": waterbirds.algorithm.model_copy(update={"options": {"nu": 0.1}}),
            "protocol": waterbirds.protocol.model_copy(update={"seeds": (2002,)}),
            "partial": ("1 of 5 seeds",),
            "backbone": waterbirds.backbone.model_copy(update={"name": "resnet18"}),
            "weights": "0" * 64,
            "data": "1" * 16,
            "tuning": waterbirds.tuning.model_copy(update={"configurations": 8}),
        }
    )
    said = departures(changed)
    assert "epochs 20 instead of 500" in said
    assert "label_smoothing 0.1 instead of 0" in said
    assert "nu 0.1 instead of 0.01" in said
    assert "no seed 2022, 2042, 2062, 2082" in said
    assert "partial: 1 of 5 seeds" in said
    assert {"initial weights from a file", "a part of the data", "hyper-parameters searched(8)"} <= set(said)
    assert any(line.startswith("backbone resnet18 instead of ") for line in said)


def test_the_entry_closest_to_the_papers_setting_is_taken(waterbirds):
    far = waterbirds.model_copy(update={"id": "0", "recipe": waterbirds.recipe.model_copy(update={"lr": 0.1})})
    assert line(side_by_side([far, waterbirds]), 0).entry.id == waterbirds.id


def test_a_single_seed_gives_a_difference_without_bounds(waterbirds):
    one = waterbirds.scores.wga_final.model_copy(update={"low": None, "high": None, "n": 1})
    scores = waterbirds.scores.model_copy(update={"wga_final": one})
    found = line(side_by_side([waterbirds.model_copy(update={"scores": scores})]), 0)
    assert (found.wga_difference.low, found.wga_difference.high) == (None, None)


def test_the_papers_settings_are_the_datasets_own():
    from wgbench import datasets

    for setting in settings():
        assert datasets.make(setting.dataset).recipe == setting.recipe
