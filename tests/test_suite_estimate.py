"""What a suite will take: hours, disk and money follow from speeds that are stated with where they are from."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from wgbench import protocol, runs
from wgbench.cli.main import app, outcome
from wgbench.cli.planned import size
from wgbench.config import place
from wgbench.drafting import foreseen, needed
from wgbench.request import Request
from wgbench.results.schema import read
from wgbench.suite_estimate import Board, estimates
from wgbench.suite_status import standings

EPOCHS = 22
SUITE = """
title: toy
entries:
  - {datasets: [toy], algorithms: [erm, gdro], seeds: [1, 2], weight_decays: [0], epochs: 22}
"""


def request(algorithm, store, **changes):
    return Request(
        algorithm, "toy", store=store, **{"seeds": (1, 2), "weight_decays": (0.0,), "epochs": EPOCHS, **changes}
    )


def ran(store, cell, seconds, epochs, files=()):
    """A run with curves of a known speed, 100 bytes a line, and further files of known sizes."""
    folder = runs.folder(store, cell)
    folder.mkdir(parents=True)
    said = {"cell": cell.model_dump(mode="json"), "environment": {"device": "abacus"}}
    (folder / runs.CELL).write_text(json.dumps(said).ljust(4000))
    lines = [json.dumps({"stage": 1, "epoch": e, "seconds": {"train": seconds}}) for e in range(1, epochs + 1)]
    (folder / runs.CURVES).write_text("".join(line.ljust(99) + "\n" for line in lines))
    for name, length in files:
        (folder / name).write_bytes(b"{}".ljust(length))


@pytest.fixture
def cells(tmp_path):
    """Cells of ERM, and of Group DRO."""
    wanted = request("gdro", tmp_path)
    found = needed(wanted, foreseen(wanted))
    return [c for c in found if c.algorithm.name == "erm"], [c for c in found if c.algorithm.name == "gdro"]


def test_time_and_room_follow_from_the_runs_in_the_store(tmp_path, cells):
    (erm, other), (first, second) = cells
    ran(tmp_path, erm, 3.0, EPOCHS, [(runs.RESULT, 500), (runs.PREDICTIONS, 700)])
    ran(tmp_path, first, 5.0, 4, [("state-1-4.safetensors", 9000), ("state-1-3.safetensors", 8000)])
    found = estimates([request("erm", tmp_path), request("gdro", tmp_path)], tmp_path / "no-board")
    of_erm, of_gdro = found.each
    assert (of_erm.done, of_erm.seconds, of_erm.bytes) == (1, 3.0 * EPOCHS, 100 * EPOCHS + 4000 + 500 + 700)
    assert of_erm.sources == ("a run of erm here, abacus",)
    own = 5.0 * (EPOCHS - 4) + 5.0 * EPOCHS
    assert of_gdro.seconds == pytest.approx(own + 3.0 * EPOCHS)
    assert of_gdro.sources == ("a run of gdro here, abacus", "a run of erm here, abacus")
    assert max(need.checkpoint for need in of_gdro.needs) == 9000
    together = found.together
    assert (together.done, len(together.needs), together.unknown, together.unsized) == (1, 3, 0, 0)
    assert together.seconds == pytest.approx(own + 3.0 * EPOCHS), "shared cells count once"
    assert together.seconds == pytest.approx(standings([request("gdro", tmp_path)])[1].left)
    assert together.hours(1) == pytest.approx(together.seconds / 3600)
    assert together.hours(2) == pytest.approx(together.seconds / 2 / 3600)
    assert together.hours(50) == pytest.approx(5.0 * EPOCHS / 3600), "no less than the longest cell"
    assert second.id != other.id


def test_speeds_of_other_algorithms_and_settings_are_said_to_be(tmp_path, cells):
    (erm, _), _ = cells
    ran(tmp_path, erm, 3.0, EPOCHS)
    (found,) = estimates([request("gdro", tmp_path, baseline=False)], tmp_path / "no-board").each
    assert found.sources == ("a run of other algorithms here, abacus",)
    wider = request("erm", tmp_path, settings={"backbone.width": 64})
    (found,) = estimates([wider], tmp_path / "no-board").each
    assert found.sources == ("a run of erm with other settings here, abacus",)


def test_an_entry_of_the_board_stands_in_for_runs(tmp_path):
    done = protocol.run(request("erm", tmp_path / "there", jobs=1, baseline=False))
    entry = read(done.folder)
    board = tmp_path / "board"
    shutil.copytree(done.folder, board / "results" / place(entry.dataset, entry.backbone, entry.algorithm) / entry.id)
    per_epoch = entry.cost.seconds / (2 * EPOCHS)
    (found,) = estimates([request("erm", tmp_path, epochs=100)], board).each
    assert found.seconds == pytest.approx(2 * 100 * per_epoch)
    assert found.sources == (f"entry {entry.id[:8]} (erm) of the board, {entry.cost.device}",)
    assert (found.unknown, found.unsized) == (0, 2)
    (wider,) = estimates([request("erm", tmp_path, settings={"backbone.width": 64})], board).each
    assert wider.sources[0].endswith(", with other settings")
    (other,) = estimates([request("iw", tmp_path, baseline=False)], board).each
    assert (other.unknown, other.sources) == (2, ())
    for damaged in board.rglob("entry.json"):
        damaged.write_text("{")
    assert estimates([request("erm", tmp_path)], board).together.unknown == 2
    assert Board(board).where == board


@pytest.fixture
def cli(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *words: CliRunner().invoke(app, ["suite", *words], catch_exceptions=False).stdout


def test_the_verb_says_hours_and_cost_or_how_to_get_to_know_them(cli, cells, tmp_path):
    said = cli("plan", "mine.yaml", "--gpus", "2")
    assert "4 cells are unlike anything that was run here or is on the board; one epoch tells:" in said
    assert "wgbench suite run mine.yaml --epochs 1" in said
    assert not (tmp_path / "runs" / "toy-v1").exists()
    for some in cells:
        ran(tmp_path / "runs", some[0], 900.0, EPOCHS, [(runs.RESULT, 10)])
    said = cli("plan", "mine.yaml", "--gpus", "2", "--price-per-hour", "3")
    assert "with 2 processes about 5.5 h" in said
    assert "cost: about 33.00, at 6 an hour" in said
    facts = json.loads(cli("plan", "mine.yaml", "--jobs", "1", "--price-per-hour", "3", "--json"))
    assert (facts["hours"], facts["cost"], facts["processes"]) == (pytest.approx(11.0), pytest.approx(33.0), 1)
    assert [row["to_do"] for row in facts["entries"]] == [1, 2]
    only = cli("plan", "mine.yaml", "--only", "er*", "--jobs", "1")
    assert "gdro" not in only


def test_all_done_is_said_and_two_numbers_of_processes_refused(cli, cells, tmp_path, capsys):
    for cell in (*cells[0], *cells[1]):
        ran(tmp_path / "runs", cell, 1.0, EPOCHS, [(runs.RESULT, 10)])
    assert "all cells are done: nothing will be trained" in cli("plan", "mine.yaml")
    assert outcome(["suite", "plan", "mine.yaml", "--gpus", "2", "--jobs", "2"]) == 2
    assert "both say how many processes there are; drop one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (25e6, "25 MB"), (3.21e9, "3.2 GB"), (7e12, "7.0 TB")],
)
def test_sizes_in_words(count, said):
    assert size(count) == said
