"""`wgbench compare` as a user meets it."""

import json
from pathlib import Path

import pytest
from committed import committed

from wgbench.cli.main import outcome

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"


@pytest.fixture
def folder():
    """The folder of a committed entry by its algorithm's name."""
    return lambda name: str(committed(name))


def test_the_table_shows_both_means_the_difference_and_its_interval(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert outcome(["compare", folder("gdro"), folder("iw")]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "wga_final" in x]
    assert [x.strip() for x in line.split("│")[2:6]] == ["70.9", "70.2", "0.7", "[-0.6, 1.9]"]


def test_json_holds_the_same(folder, capsys):
    assert outcome(["compare", folder("gdro"), folder("gdro"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["a"] == found["b"]
    assert found["rows"][0]["difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 5}


def test_what_is_no_entry_is_said_in_one_line(folder, capsys, tmp_path):
    assert outcome(["compare", folder("gdro"), str(tmp_path)]) == 2
    assert capsys.readouterr().err.strip().endswith("give the folder that `wgbench run` printed")
