"""The entries that are committed: readable, whole, and what they say they are."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from committed import committed

from wgbench import algorithms
from wgbench.config import place
from wgbench.registry import BUILT_IN
from wgbench.results import identity, schema
from wgbench.results.lack import badge

BOARD = Path(__file__).parents[2] / "leaderboards" / "results"
FOLDERS = sorted(p.parent for p in BOARD.rglob("entry.json"))


def test_every_algorithm_is_on_the_board():
    ours = {name for name in algorithms.names() if algorithms.registry.listing(name).owner == BUILT_IN}
    assert {schema.read(f).algorithm.name for f in FOLDERS} >= ours


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.parent.name)
def test_an_entry_lies_where_it_belongs_and_is_whole(folder):
    entry = schema.read(folder)
    identity.check(folder, entry)
    assert folder.relative_to(BOARD) == Path(place(entry.dataset, entry.backbone, entry.algorithm)) / entry.id
    if entry.dataset.name == "colored-digits":
        assert badge(entry.partial) in ("", "other loss"), "digits are whole"
    if entry.baseline is None:
        assert entry.algorithm.name == "erm" or "no ERM baseline" in entry.partial
    else:
        (erm,) = [schema.read(f) for f in FOLDERS if f.name == entry.baseline]
        assert (erm.algorithm.name, erm.loss, erm.recipe) == ("erm", entry.loss, entry.recipe)
    assert not entry.environment["revision"].endswith("+")  # run from a commit, not from changes on top of it


def curves(folder, entry):
    """Test counts of every cell's last epochs, (last, G), by seed and weight decay, from the parquet file."""
    counts = {}
    for row in pq.read_table(folder / schema.CURVES, columns=["seed", "weight_decay", "split", "correct"]).to_pylist():
        if row["split"] == "test":
            counts.setdefault((row["seed"], row["weight_decay"]), []).append(row["correct"])
    return {key: np.array(rows[-entry.protocol.last :]) for key, rows in counts.items()}


@pytest.mark.parametrize("name", ["erm", "gdro"])
def test_final_scores_follow_from_the_counts_beside_them(name):
    folder = committed(name)
    entry = schema.read(folder)
    total = np.array(entry.dataset.counts["test"]["total"])
    finals = {key: (correct / total).min(axis=1).mean() for key, correct in curves(folder, entry).items()}
    score = entry.scores.wga_final
    assert score.per_seed == {str(s): pytest.approx(finals[s, 0.0]) for s in entry.protocol.seeds}
    assert score.mean == pytest.approx(np.mean([finals[s, 0.0] for s in entry.protocol.seeds]))
    for point in entry.scores.wd_curve:
        mean = np.mean([finals[s, point.weight_decay] for s in entry.protocol.seeds])
        assert point.wga.mean == pytest.approx(mean)
