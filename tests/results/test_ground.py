"""Entries found, sorted by what they can be compared on, and named apart."""

from pathlib import Path

import pytest
from committed import committed

from wgbench.errors import BadEntry
from wgbench.results import ground, stored

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1"


@pytest.fixture(scope="module")
def entry():
    return lambda name: stored.load(committed(name))


def edited(found, **changes):
    return stored.Stored(found.entry.model_copy(update=changes), found.folder)


def test_a_folder_gives_every_entry_below_it_once(entry):
    gdro = entry("gdro")
    found = ground.find([gdro.folder, BOARD / "mlp", BOARD])
    assert len(found) == len(list(BOARD.rglob("entry.json")))
    assert found[0].entry.id == gdro.entry.id


def test_folders_without_entries_are_named(tmp_path):
    with pytest.raises(BadEntry, match=r"there are none; give an entry's folder"):
        ground.find([tmp_path])
    with pytest.raises(BadEntry, match="no such folder"):
        ground.find([tmp_path / "nowhere"])


def test_one_ground_with_the_best_final_score_first():
    (found,) = ground.grounds(ground.find([BOARD]))
    finals = [s.entry.scores.wga_final.mean for s in found.entries]
    assert found.title == "colored-digits v1, mlp"
    assert finals == sorted(finals, reverse=True)
    assert found.differences == {}  # they were all run alike


def test_what_cannot_be_compared_is_kept_apart(entry):
    one = entry("erm")
    other_data = one.entry.dataset.model_copy(update={"fingerprint": "f" * 16})
    other_window = one.entry.protocol.model_copy(update={"last": 5})
    kept = [one, edited(one, id="a", dataset=other_data), edited(one, id="b", protocol=other_window)]
    titles = {g.title for g in ground.grounds(kept)}
    assert len(titles) == 3
    assert any(t.endswith(f"data {'f' * 16}, last 10") for t in titles)


def test_labels_say_what_sets_entries_of_one_algorithm_apart(entry):
    one, iw = entry("gdro"), entry("iw")
    nu = one.entry.algorithm.model_copy(update={"options": {**one.entry.algorithm.options, "nu": 0.1}})
    short = one.entry.recipe.model_copy(update={"epochs": 50})
    kept = [one, iw, edited(one, algorithm=nu), edited(one, recipe=short, partial=("50 of 300 epochs",))]
    assert ground.labels(kept) == (
        "gdro, nu 0.01, epochs 300",
        "iw",
        "gdro, nu 0.1, epochs 300",
        "gdro, nu 0.01, epochs 50 (partial)",
    )
    (found,) = ground.grounds(kept)
    assert found.differences["recipe.epochs"] == {
        "300": ("gdro, nu 0.01, epochs 300", "gdro, nu 0.1, epochs 300", "iw"),
        "50": ("gdro, nu 0.01, epochs 50 (partial)",),
    }


def test_entries_that_differ_in_nothing_are_told_apart_by_their_id(entry):
    one = entry("erm")
    assert ground.labels([one, edited(one, id="0123456789abcdef")]) == (f"erm {one.entry.id[:6]}", "erm 012345")
