"""A board's table in Markdown: the numbers of the JSON, and names that stay text."""

from pathlib import Path

from wgbench.cli import markdown
from wgbench.cli.main import outcome
from wgbench.results.board import Board

BOARD = Path(__file__).parents[2] / "leaderboards"


def digits():
    return Board.model_validate_json((BOARD / "colored-digits-v1.json").read_bytes())


def cells(text):
    return [[c.strip() for c in line.strip().strip("|").split("|")] for line in text.splitlines() if "|" in line]


def test_the_verb_prints_every_measured_row(capsys):
    assert outcome(["leaderboard", "show", "colored-digits", "--markdown", "--board", str(BOARD)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("### colored-digits\n\n| rank | algorithm |")
    rows = digits().rows
    found = {line[1]: line for line in cells(out)[2:]}
    assert list(found) == [row.name for row in rows]
    for row in rows:
        final = row.scores["wga_final"]
        assert found[row.name][5] == f"{100 * final.mean:.1f} ± {50 * (final.high - final.low):.1f}"


def test_rows_can_be_picked():
    (row,) = [r for r in digits().rows if r.name == "gdro"]
    (_, _, line) = cells(markdown.table(digits(), {row.id}))
    assert line[1] == "gdro"


def test_names_stay_text():
    board = digits()
    row = board.rows[0].model_copy(update={"label": "a|b <script>\n[x](y) `c`"})
    (_, _, line) = markdown.table(board.model_copy(update={"rows": (row,)})).splitlines()
    assert r"a\|b \<script\> \[x\](y) \`c\`" in line
