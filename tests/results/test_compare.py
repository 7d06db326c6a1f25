"""Differences of two entries: paired by seed, refused where the two do not measure the same thing."""

from pathlib import Path

import numpy as np
import pytest
from committed import committed
from scipy import stats

from wgbench.config import Plugin
from wgbench.errors import NotComparable
from wgbench.results import schema
from wgbench.results.compare import HEADLINE, compare

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"


@pytest.fixture
def entry():
    """A committed entry by its algorithm's name."""

    def read(name):
        folder = committed(name)
        return schema.read(folder)

    return read


def changed(entry, **fields):
    """An entry with fields of its parts changed: `recipe={"lr": 1.0}`."""
    return entry.model_copy(update={k: getattr(entry, k).model_copy(update=v) for k, v in fields.items()})


def rows(found):
    return {row.score: row for row in found.rows}


def test_an_entry_differs_from_itself_by_nothing(entry):
    found = compare(entry("gdro"), entry("gdro"))
    assert found.warnings == ()
    assert tuple(rows(found)) == HEADLINE
    for row in found.rows:
        assert (row.difference.mean, row.difference.low, row.difference.high) == (0, 0, 0)


def test_differences_are_paired_by_seed(entry):
    a, b = entry("gdro"), entry("iw")
    row = rows(compare(a, b))["wga_final"]
    ours, theirs = (np.array([e.scores.wga_final.per_seed[str(s)] for s in a.protocol.seeds]) for e in (a, b))
    low, high = stats.t.interval(0.95, 4, loc=(ours - theirs).mean(), scale=stats.sem(ours - theirs))
    assert (row.a, row.b) == (pytest.approx(ours.mean()), pytest.approx(theirs.mean()))
    assert row.difference.mean == pytest.approx(ours.mean() - theirs.mean())
    assert (row.difference.low, row.difference.high) == (pytest.approx(low), pytest.approx(high))


def test_only_shared_seeds_count_and_that_is_said(entry):
    a, b = entry("gdro"), changed(entry("iw"), protocol={"seeds": (2022, 2042, 9)})
    b = changed(b, scores={"wga_final": b.scores.wga_final.model_copy(update={"per_seed": {"2022": 0.5, "2042": 0.6}})})
    found = compare(a, b)
    ours = [a.scores.wga_final.per_seed[s] for s in ("2022", "2042")]
    assert found.seeds == (2022, 2042)
    assert rows(found)["wga_final"].difference.mean == pytest.approx(sum(ours) / 2 - 0.55)
    assert found.warnings == ("the seeds differ: only shared ones count",)


def test_a_score_that_one_of_them_lacks_has_no_difference(entry):
    row = rows(compare(entry("subg"), entry("gdro")))["overfit_drop"]  # subsampling never fits all of the training set
    assert row.a is None
    assert row.difference is None
    assert row.b == pytest.approx(entry("gdro").scores.overfit_drop.mean)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"dataset": {"name": "waterbirds"}},
            r"different datasets \(colored-digits version 1 and waterbirds version 1",
        ),
        ({"dataset": {"version": 2}}, r"version 1 and colored-digits version 2\)"),
        ({"dataset": {"options": {"draw": 1}}}, r"dataset's options differ \(draw 0 and 1,"),
        ({"dataset": {"fingerprint": "0" * 16}}, r"data differs .*; run both on the same files"),
        ({"backbone": {"name": "cnn"}}, r"different backbones"),
        ({"backbone": {"options": {"width": 8, "depth": 1}}}, r"backbone's options differ \(width 256 and 8\)"),
        ({"protocol": {"rules": "2.0"}}, r"rules: 1\.0 and 2\.0\); run both under the same rules"),
        ({"protocol": {"seeds": (1, 2)}}, r"they share no seed; run both with the same --seeds"),
    ],
)
def test_entries_on_other_ground_are_refused(entry, fields, said):
    with pytest.raises(NotComparable, match=said) as problem:
        compare(entry("gdro"), changed(entry("gdro"), **fields))
    assert "\n" not in str(problem.value)


def test_what_else_differs_is_said(entry):
    other = changed(
        entry("gdro"),
        recipe={"lr": 0.5},
        mode={"precision": "bf16", "pipeline": "reference"},
        tuning={"configurations": 8},
    )
    other = changed(other, backbone={"start": "pretrained"})
    other = changed(other, protocol={"weight_decays": (0.0, 0.1)})
    other = other.model_copy(update={"loss": Plugin(name="squared", version=1)})
    found = compare(entry("gdro"), other)
    assert found.warnings == (
        "the recipes differ: lr 0.02 and 0.5",
        "the losses differ: name cross-entropy and squared, options {'smoothing': 0.0} and {}",
        "the precision differs: fp32 and bf16",
        "the pipeline differs: fast and reference",
        "the initial weights differ: from scratch and pretrained",
        "the grids of weight decays differ: scores along them are left out",
        "hyper-parameters were chosen differently: default and searched(8)",
    )
    assert rows(found)["wd_best"].difference is None
    assert rows(found)["wga_final"].difference.mean == 0
