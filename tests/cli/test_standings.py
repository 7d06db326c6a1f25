"""`wgbench leaderboard show` as a user meets it."""

import json
import shutil
from pathlib import Path

import pytest

from wgbench.cli.main import outcome
from wgbench.results.board import Board

BOARD = Path(__file__).parents[2] / "leaderboards"


def folded(out):
    """Lines of a table by the name in them: names take several lines where they are long."""
    lines = out.splitlines()[1:]
    begin, end = lines[0].index("algorithm"), lines[0].index("sees")
    found = {}
    for line in lines[1:]:
        if line[end:].strip():
            name, of = line[begin:end].strip(), line
        else:
            name = f"{found and list(found)[-1]} {line[begin:end].strip()}"
            found.popitem()
        found[name] = of
    return found


def test_the_table_has_the_numbers_of_the_board(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert outcome(["leaderboard", "show", "colored_digits", "--board", str(BOARD)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    rows = Board.model_validate_json((BOARD / "colored-digits-v1.json").read_bytes()).rows
    lines = {name: line.split() for name, line in folded(out).items()}
    for row in rows:
        line, final = lines[row.label], row.scores["wga_final"]
        assert row.rank is None or line[0] == str(row.rank)
        assert f"{100 * final.mean:.1f}+-{50 * (final.high - final.low):.1f}" in line
        assert line[-1] == row.verification.level


def test_reported_rows_are_named_as_such(capsys):
    assert outcome(["leaderboard", "show", "waterbirds", "--board", str(BOARD)]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "iw, wd 0.2" in x]
    assert line.split()[-2:] == ["35.9+-6.9", "paper"]


def test_boards_of_papers_alone_are_one_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert outcome(["leaderboard", "show", "--board", str(BOARD)]) == 0
    out = capsys.readouterr().out
    assert "iw, wd 0.2" not in out
    assert "`show NAME`, of celeba, " in out


def test_json_is_the_board(capsys):
    assert outcome(["leaderboard", "show", "celeba", "--board", str(BOARD), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [json.loads((BOARD / "celeba-v1.json").read_text())]


def test_what_is_not_there_is_said(tmp_path, capsys):
    assert outcome(["leaderboard", "show", "mnist", "--board", str(BOARD)]) == 2
    assert "nothing of mnist; there is celeba, colored-digits" in capsys.readouterr().err
    (tmp_path / "results").mkdir()
    assert outcome(["leaderboard", "show", "--board", str(tmp_path)]) == 2
    assert "not built yet; run `wgbench leaderboard build --board" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["show"], ["build"], ["build", "--out", "site"]])
@pytest.mark.parametrize("where", [["--board", "nowhere"], ["--board", "."], []])
def test_a_board_is_begun_by_an_entry_alone(words, where, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert outcome(["leaderboard", *words, *where]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no board there; give the folder of one: --board FOLDER (`wgbench leaderboard add ENTRY --to FOLDER`" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["{}", "no json"])
def test_a_damaged_board_is_named(content, tmp_path, capsys):
    board = shutil.copytree(BOARD, tmp_path / "board", ignore=lambda _, names: {"results", "verified"} & {*names})
    for path in board.glob("colored-digits*.json"):
        path.write_text(content)
    assert outcome(["leaderboard", "show", "colored-digits", "--board", str(board)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"wgbench: board {board}: ")
    assert "wgbench leaderboard build" in err
    assert len(err.splitlines()) == 1
