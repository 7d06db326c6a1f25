"""Entries found, sorted by what they can be compared on, and named apart."""

from pathlib import Path

import pytest
from committed import committed

from wgbench.config import Plugin
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
    assert list(found.differences) == ["recipe.loss"]  # all else is alike


def test_what_cannot_be_compared_is_kept_apart(entry):
    one = entry("erm")
    other_data = one.entry.dataset.model_copy(update={"fingerprint": "f" * 16})
    other_window = one.entry.protocol.model_copy(update={"last": 5})
    kept = [one, edited(one, id="a", dataset=other_data), edited(one, id="b", protocol=other_window)]
    titles = {g.title for g in ground.grounds(kept)}
    assert len(titles) == 3
    assert any(t.endswith(f"data {'f' * 16}, last 10") for t in titles)


def test_what_differs_is_listed_by_the_names_of_the_entries(entry):
    one = entry("gdro")
    short = one.entry.recipe.model_copy(update={"epochs": 50})
    brief = edited(one, recipe=short, partial=("epochs 50 instead of 300",))
    (found,) = ground.grounds([one, entry("iw"), brief])
    assert found.differences["recipe.epochs"] == {"300": ("gdro", "iw"), "50": ("gdro, epochs 50 (partial)",)}


def test_options_of_a_loss_are_compared_among_entries_that_have_it(entry):
    def vs(gamma):
        return {"loss": Plugin(name="vs", version=1, options={"gamma": gamma}), "id": f"{gamma:.0e}"}

    one = entry("gdro")
    (found,) = ground.grounds([one, edited(one, **vs(0.1)), edited(entry("iw"), **vs(0.2))])
    assert dict(found.differences) == {"loss.vs.gamma": {"0.1": ("gdro, loss vs",), "0.2": ("iw, loss vs",)}}
