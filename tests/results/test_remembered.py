"""Entries that were checked before are checked again only where a byte that their report follows from changed."""

import json
import shutil

import pytest

from wgbench import datasets
from wgbench.checks.toy import Toy
from wgbench.errors import BadEntry
from wgbench.results import building, remembered, schema
from wgbench.results.remembered import FILE


@pytest.fixture
def checked(monkeypatch):
    """Names of the algorithms whose entries were looked at."""
    seen, check = [], remembered.check

    def watched(folder, *given):
        seen.append(folder.parent.name)
        return check(folder, *given)

    monkeypatch.setattr(remembered, "check", watched)
    return seen


@pytest.fixture
def look(board, tmp_path, checked):
    """Reads the board, and says what was looked at for that."""

    def read():
        checked.clear()
        found = building.read(board, tmp_path / "cache")
        assert found == building.read(board)
        return sorted(checked)

    return read


def test_only_what_changed_is_looked_at_again(board, gdro, look, tmp_path):
    assert look() == ["erm", "gdro"]
    assert look() == []
    (gdro / schema.CURVES).touch()
    assert look() == []
    copy = shutil.copytree(board, tmp_path / "elsewhere")
    assert building.read(copy, tmp_path / "cache") == building.read(board, tmp_path / "cache")
    text = (gdro / schema.ENTRY).read_text()
    (gdro / schema.ENTRY).write_text(text + "\n")
    assert look() == ["gdro"]
    (erm,) = (board / "results" / "toy-v1" / "mlp" / "erm").iterdir()
    (erm / schema.ENTRY).write_text((erm / schema.ENTRY).read_text() + "\n")
    assert look() == ["erm", "gdro"], "what is held against ERM follows from ERM's files too"
    (tmp_path / "cache" / FILE).write_bytes(b"damaged" * 999)
    assert look() == ["erm", "gdro"]
    assert look() == []


def test_in_several_processes_everything_is_as_in_one(board, gdro, tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "FEW", 1)
    monkeypatch.setattr(remembered, "SHARE", 1)
    assert building.read(board, tmp_path / "cache", processes=2) == building.read(board)
    monkeypatch.setattr(remembered, "check", None)  # nothing is looked at again
    assert building.read(board, tmp_path / "cache", processes=2) == building.read(board)
    monkeypatch.undo()
    monkeypatch.setattr(remembered, "FEW", 0)
    (gdro / schema.PREDICTIONS).write_bytes(b"x")
    with pytest.raises(BadEntry, match="predictions"):
        building.read(board, tmp_path / "cache", processes=2)


def test_a_replay_is_a_part_of_it(board, gdro, look):
    look()
    entry = schema.read(gdro)
    kept = {"level": "full", "seed": 2002, "epochs": 24, "exact": True, "revision": None, "date": "2026-01-01"}
    (board / "verified").mkdir()
    path = board / "verified" / f"{entry.id}.json"
    path.write_text(json.dumps({**kept, "files": dict(entry.files)}))
    assert look() == ["gdro"]
    path.write_text(json.dumps({**kept, "level": "replay", "files": dict(entry.files)}))
    assert look() == ["gdro"]
    assert look() == []


def test_other_plugins_make_all_of_it_out_of_date(look):
    look()
    datasets.register("toy-by-hand", Toy)
    try:
        assert look() == ["erm", "gdro"]
    finally:
        datasets.registry._registered.pop("toy-by-hand")


def test_problems_are_found_each_time(board, gdro, look, tamper, tmp_path, checked):
    look()
    tamper.entry(gdro, lambda content: content["scores"]["wga_final"].update(mean=0.99))
    for _ in range(2):
        checked.clear()
        with pytest.raises(BadEntry, match=r"wga_final\.mean: stated 0\.99"):
            building.read(board, tmp_path / "cache")
        assert checked == ["gdro"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "more.txt").write_text("x"),
        lambda folder: (folder / schema.CURVES).unlink(),
        lambda folder: (folder / schema.PREDICTIONS).write_bytes(b"x"),
        lambda folder: (folder / schema.ENTRY).write_text("{"),
    ],
)
def test_whatever_is_done_to_a_folder_that_was_sound_is_found(spoil, gdro, look, board, tmp_path):
    look()
    spoil(gdro)
    with pytest.raises(BadEntry):
        building.read(board, tmp_path / "cache")


def test_a_hostile_baseline_is_no_path(board, gdro, tmp_path, tamper):
    tamper.entry(gdro, lambda content: content.update(baseline="../../../../x"))
    with pytest.raises(BadEntry):
        building.read(board, tmp_path / "cache")
