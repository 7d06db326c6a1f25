"""Curves read back from an entry's files give the scores that were computed from the run folders."""

import numpy as np
import pytest

from wgbench import protocol
from wgbench.errors import BadEntry
from wgbench.evaluation.cell_scores import cell_scores
from wgbench.request import Request
from wgbench.results import schema, stored


@pytest.fixture(params=["gdro", "jtt", "dfr"])
def result(request, tmp_path):
    """A finished entry: one stage, two stages, and one that scores half of val at some epochs only."""
    wanted = Request(request.param, "toy", seeds=(1, 2), weight_decays=(0.0, 0.1), jobs=1, store=tmp_path)
    return protocol.run(wanted)


def test_scores_follow_from_the_files(result):
    found = stored.load(result.folder)
    assert len(found.curves) == 4
    for cell in found.entry.cells:
        again = cell_scores(found.curves[cell.seed, cell.weight_decay], (11, 20), 10)
        assert again == dict(cell.scores)
    assert found.mass(1, 0.0).shape == (24, 4)
    assert 0.5 < found.mass(1, 0.0)[-1].sum() < 1 + 1e-6  # Group DRO loses the share of groups that a batch misses
    assert found.predictions()["final-1"].shape == (80,)


def test_more_epochs_than_the_entry_has_are_named(result):
    found = stored.load(result.folder)
    cells = tuple(cell.model_copy(update={"epochs": 5}) for cell in found.entry.cells)
    changed = stored.Stored(found.entry.model_copy(update={"cells": cells}), found.folder)
    with pytest.raises(BadEntry, match=r"curves\.parquet has epochs outside of 1 to 5"):
        _ = changed.curves


def test_group_dro_keeps_the_logarithms_of_its_weights(result):
    found = stored.load(result.folder)
    state = found.state(1, 0.0)
    if found.entry.algorithm.name != "gdro":
        assert state == {}
    else:
        assert state["log_q"].shape == (24, 4)
        assert np.exp(state["log_q"]).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_missing_and_damaged_curves_are_named(result):
    path = result.folder / schema.CURVES
    path.write_bytes(b"PAR1")
    with pytest.raises(BadEntry, match=r"curves\.parquet: it cannot be read .*; copy the whole folder"):
        _ = stored.load(result.folder).curves
