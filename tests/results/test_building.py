"""The board's JSON files: built from entries and replays alone, in an order that stays."""

import json
from pathlib import Path

import pytest
from committed import committed

from wgbench.config import Plugin
from wgbench.results import board, building, schema
from wgbench.results.board_rows import Placed
from wgbench.results.building import boards
from wgbench.results.checking import check_board
from wgbench.results.known import labels
from wgbench.results.trust import OURS
from wgbench.results.verify import Verification
from wgbench.types import Root

BOARD = Path(__file__).parents[2] / "leaderboards"
NAMES = ("erm", "gdro", "iw", "rwg", "subg")
FULL = Verification(level="full", seed=2002, epochs=300, exact=True, revision="abc", date="2026-01-01", files={})


@pytest.fixture(scope="module")
def entries():
    """Committed entries by algorithm."""
    return {name: schema.read(committed(name)) for name in NAMES}


def built(entries, replayed=FULL):
    """The rows of the board of these entries."""
    made = boards([Placed(e, f"results/{e.id}", "recount", replayed) for e in entries])
    return made["colored-digits-v1.json"].rows


def test_the_committed_entries_are_sound_and_the_files_are_what_they_give(tmp_path, cache):
    reports = check_board(BOARD, labels(Root(cache, None)), OURS)
    assert [f"{r.name}: {line}" for r in reports for line in r.problems] == []
    told = ("partial: ", "other ", "the data is not at hand: ")  # digits are always at hand, photographs are not
    assert [f"{r.name}: {line}" for r in reports for line in r.remarks if not line.startswith(told)] == []
    made = boards(building.placed(BOARD, {report.name: report.level for report in reports}))
    names = [path.name for path in building.write(tmp_path, made)]
    assert sorted(names) == sorted(path.name for path in BOARD.glob("*.json"))
    for name in names:
        built, committed = (tmp_path / name).read_text(), (BOARD / name).read_text()
        assert built == committed, f"run `wgbench leaderboard build` for {name}"
        model = board.Index if name == board.INDEX else board.Board
        assert model.model_validate_json(committed).to_json() == committed


def test_rows_say_what_their_entries_say(entries):
    (row,) = built([entries["gdro"]])
    entry = entries["gdro"]
    for name in board.SCORES:
        score, value = getattr(entry.scores, name), row.scores[name]
        assert (value and value.model_dump()) == (score and score.model_dump(exclude={"per_seed"}))
    assert (row.algorithm, row.backbone, row.baseline, row.recipe) == (
        entry.algorithm,
        entry.backbone,
        entry.baseline,
        {},
    )
    assert row.erm_distance == 1 - min(a.agreement.mean for a in entry.scores.erm_agreement_final)
    assert [a.group for a in row.erm_agreement] == ["even-red", "even-green", "odd-red", "odd-green"]
    assert len(row.wd_curve) == 5


def test_only_complete_entries_with_a_full_replay_are_ranked(entries):
    partial = entries["gdro"].model_copy(update={"partial": ("seeds 1 instead of 2002",)})
    older = entries["iw"].model_copy(update={"rules": "0.9"})
    none = entries["subg"].model_copy(update={"scores": entries["subg"].scores.model_copy(update={"wga_final": None})})
    rows = built([entries["erm"], partial, older, none])
    assert [(r.algorithm.name, r.rank, r.unranked) for r in rows] == [
        ("erm", 1, None),
        ("gdro", None, "partial"),
        ("iw", None, "made under rules 0.9"),
        ("subg", None, "no final score"),
    ]
    (row,) = built([entries["erm"]], FULL.model_copy(update={"level": "replay"}))
    assert (row.rank, row.verification.level) == (None, "replay")
    (row,) = built([entries["erm"]], None)
    assert (row.rank, row.verification.level) == (None, "recount")


def test_rows_of_one_algorithm_are_named_apart(entries):
    gdro = entries["gdro"]
    squared = {"loss": Plugin(name="squared", version=1), "recipe": gdro.recipe.model_copy(update={"loss": "squared"})}
    other = gdro.model_copy(update={**squared, "id": "a" * 16, "partial": ("loss squared instead of cross-entropy",)})
    again = other.model_copy(update={"id": "b" * 16})
    wide = gdro.backbone.model_copy(update={"name": "cnn"})
    rows = built([gdro, other, entries["erm"], gdro.model_copy(update={"id": "c" * 16, "backbone": wide})])
    assert {(r.backbone.name, r.label, r.apart, r.unranked) for r in rows} == {
        ("mlp", "gdro", (), None),
        ("cnn", "gdro", (), None),
        ("mlp", "gdro, loss squared", ("loss squared",), "other loss"),
        ("mlp", "erm", (), None),
    }
    assert {r.label for r in built([other, again])} == {"gdro, loss squared aaaaaa", "gdro, loss squared bbbbbb"}


def test_the_committed_rows_have_names_of_their_own():
    for path in BOARD.glob("*-v*.json"):
        rows = [r for r in board.Board.model_validate_json(path.read_bytes()).rows if r.kind == "measured"]
        named = {(r.backbone.name, r.label) for r in rows}
        assert len(named) == len(rows)
        assert all(r.label.startswith(r.algorithm.name) for r in rows)
        assert all((f"loss {r.loss.name}" in r.label) == (r.loss.name != "cross-entropy") for r in rows)


def test_equal_rows_share_a_rank_and_networks_have_their_own(entries):
    other = entries["gdro"].backbone.model_copy(update={"options": {"width": 8}})
    wide = entries["gdro"].model_copy(update={"backbone": other})
    rows = built([*(entries[n] for n in ("erm", "iw", "rwg", "gdro")), wide])
    assert [(r.algorithm.name, r.rank) for r in rows] == [("gdro", 1), ("gdro", 1), ("iw", 2), ("rwg", 2), ("erm", 4)]


def test_options_that_were_set_by_hand_are_said_to_be(entries):
    def row(entry, **options):
        algorithm = entry.algorithm.model_copy(update={"options": {**entry.algorithm.options, **options}})
        return built([entry.model_copy(update={"algorithm": algorithm})])[0]

    assert row(entries["gdro"]).tuning == "default"
    assert row(entries["gdro"], nu=0.5).tuning == "set by hand"
    jtt = schema.read(committed("jtt"))
    assert row(jtt).tuning == "default"  # the dataset's own, which are published
    assert row(jtt, up=3).tuning == "set by hand"


def test_the_order_of_entries_does_not_matter(entries):
    assert built(entries.values()) == built(list(entries.values())[::-1])


def test_what_differs_from_the_datasets_recipe_is_listed(entries):
    changed = entries["gdro"].recipe.model_copy(update={"lr": 0.5, "epochs": 20})
    (row,) = built([entries["gdro"].model_copy(update={"recipe": changed})])
    assert (row.recipe, row.epochs) == ({"epochs": 20, "lr": 0.5}, 20)


def test_reported_rows_come_last_and_unranked():
    rows = boards([])["waterbirds-v1.json"].rows
    assert {row.kind for row in rows} == {"reported"}
    (row,) = [r for r in rows if (r.algorithm, r.weight_decay, r.early) == ("gdro", 0.1, False)]
    assert (row.wga.mean, row.wga.low, row.wga.high, row.source) == (0.547, 0.52, 0.574, "paper")


def test_an_entry_of_a_dataset_that_is_not_here_describes_it_itself(entries):
    elsewhere = entries["gdro"].dataset.model_copy(update={"name": "not-here", "version": 3})
    entry = entries["gdro"].model_copy(update={"dataset": elsewhere, "loss": Plugin(name="theirs", version=1)})
    made = boards([Placed(entry, "results/x", "schema", None)])["not-here-v3.json"]
    assert (made.dataset.counts, made.rows[0].recipe) == (elsewhere.counts, None)


def test_files_have_a_line_per_field_and_only_changed_ones_are_written(entries, tmp_path):
    text = boards([Placed(entries["gdro"], "results/x", "schema", None)])["colored-digits-v1.json"].to_json()
    assert f'\n    "wga_final": {{"mean": {entries["gdro"].scores.wga_final.mean!r}, "low"' in text
    assert '\n   "seeds": [2002, 2022, 2042, 2062, 2082],\n' in text
    assert text.isascii()
    made = boards([])
    first = {path: path.stat().st_mtime_ns for path in building.write(tmp_path, made)}
    assert {path: path.stat().st_mtime_ns for path in building.write(tmp_path, made)} == first
    assert json.loads((tmp_path / "index.json").read_text())["boards"][0]["reported"] == 11


def test_ranks_are_those_of_each_network_and_equal_means_share_one(entries):
    backbones = {name: entry.backbone for name, entry in entries.items()}
    backbones["rwg"] = backbones["rwg"].model_copy(update={"options": {**backbones["rwg"].options, "depth": 9}})
    final = entries["erm"].scores.wga_final
    means = {"erm": 0.5, "gdro": 0.5, "iw": 0.7, "rwg": 0.1, "subg": 0.3}
    changed = [
        entry.model_copy(
            update={
                "backbone": backbones[name],
                "scores": entry.scores.model_copy(update={"wga_final": final.model_copy(update={"mean": means[name]})}),
            }
        )
        for name, entry in entries.items()
    ]
    made = boards([Placed(entry, entry.algorithm.name, "recount", FULL) for entry in changed])
    rows = made["colored-digits-v1.json"].rows
    ranks = {row.algorithm.name: row.rank for row in rows if row.kind == "measured"}
    assert ranks == {"iw": 1, "erm": 2, "gdro": 2, "subg": 4, "rwg": 1}


def test_a_dataset_that_promises_no_counts_per_group_is_not_described_by_a_part_of_it():
    (made,) = [b for b in boards(building.placed(BOARD, {})).values() if b.dataset.name == "dominoes"]
    assert made.rows, "its entries were trained on 5,000 examples"
    assert made.dataset.counts == {"train": {"n": 8000}, "val": {"n": 2000}, "test": {"n": 2000}}
