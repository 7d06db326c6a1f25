"""The README shows the board: its numbers are the board's, its words fit them, its picture is of the same rows."""

import json
import re
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
AGAIN = "run `python docs/front_page.py`"

import front_page  # noqa: E402


def digits():
    content = json.loads((ROOT / "leaderboards" / "colored-digits-v1.json").read_text(encoding="utf-8"))
    return {row["label"]: row for row in content["rows"]}


def shown(score):
    if score is None:
        return "\N{EN DASH}"
    return f"{100 * score['mean']:.1f} ± {50 * (score['high'] - score['low']):.1f}"


def test_the_readme_says_what_the_board_says_now():
    assert front_page.filled(README) == README, AGAIN


def test_the_numbers_of_the_table_are_those_of_the_json():
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in README.splitlines() if line.startswith("| ")]
    table = {line[1]: line for line in lines[2:]}
    rows = digits()
    assert {"erm", "iw", "gdro", "gdro, loss squared"} <= set(table)
    for name, (rank, _, _, early, selected, final, excess) in table.items():
        scores = rows[name]["scores"]
        assert rank == (str(rows[name]["rank"]) if rows[name]["rank"] else "\N{EN DASH}")
        assert (early, selected, final) == tuple(
            shown(scores[f"wga_{when}"]) for when in ("early", "selected", "final")
        )
        assert excess.removeprefix("+") == shown(scores["erm_excess_final"])


def test_the_sentences_hold():
    assert list(front_page.untrue()) == [], "rewrite the sentences in docs/front_page.py"
    text = " ".join(front_page.sentences().split())
    scores = digits()["gdro"]["scores"]
    assert f"Group DRO is {shown(scores['erm_excess_selected'])} points above ERM" in text
    assert len(re.findall(r"\.( |$)", text)) == 3


def test_words_that_no_longer_fit_are_named(monkeypatch):
    def changed(dataset, algorithm, loss=front_page.USUAL_LOSS):
        found = real(dataset, algorithm, loss)
        score = found.scores["erm_excess_final"]
        if loss != "squared":
            return found
        return found.model_copy(update={"scores": found.scores | {"erm_excess_final": score.model_copy(update=moved)}})

    real, moved = front_page.row, {"low": 0.01, "mean": 0.04, "high": 0.07}
    monkeypatch.setattr(front_page, "row", changed)
    assert list(front_page.untrue()) == ["the interval of squared includes 0"]


def test_the_picture_is_small_and_of_the_rows_of_the_table():
    content = front_page.FIGURE.read_bytes()
    with Image.open(BytesIO(content)) as picture:
        assert picture.info[front_page.SHOWN] == front_page.ids(), AGAIN
        assert picture.width > 800
    assert len(content) < 150_000
    assert f"]({front_page.FIGURE.relative_to(ROOT).as_posix()})" in README


def test_the_picture_that_would_be_written_names_its_rows():
    with Image.open(BytesIO(front_page.figure())) as picture:
        assert picture.info[front_page.SHOWN].split() == [row.id for row in front_page.main_rows()]


def test_a_readme_without_the_marks_is_refused():
    with pytest.raises(SystemExit, match="the marks around the board are missing"):
        front_page.filled("# wgbench\n")


def test_the_readme_fits_two_screens():
    assert len(README.splitlines()) <= 100
