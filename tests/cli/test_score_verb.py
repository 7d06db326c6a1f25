"""`wgbench score` as a user meets it."""

import json
from pathlib import Path

import pytest
from committed import committed

from wgbench.cli.main import outcome
from wgbench.results import schema

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"


@pytest.fixture
def gdro():
    return committed("gdro")


def test_a_file_written_from_an_entry_scores_the_same_when_read_with_the_dataset(gdro, tmp_path, capsys):
    path = str(tmp_path / "out.csv")
    assert outcome(["score", path, "--from-entry", str(gdro), "--moment", "selected", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert outcome(["score", path, "--dataset", "colored-digits", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    selected = schema.read(gdro).scores.wga_selected
    assert first["scores"]["wga"]["per_seed"] == selected.per_seed
    assert first["scores"]["wga"]["mean"] == selected.mean


def test_options_of_the_dataset_and_the_split_decide_what_is_scored(tmp_path, capsys):
    path = tmp_path / "out.csv"
    path.write_text("index,prediction\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    assert outcome(["score", str(path), "--dataset", "toy", "--set", "n=40", "--split", "val"]) == 0
    out = capsys.readouterr().out
    assert "val of toy" in out
    assert "group yes-1" in out
    (line,) = [x for x in out.splitlines() if "acc_group_mean" in x]
    assert "100.00" in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "out.csv: no such file; give the CSV file with your predictions; for an entry's own, --from-entry wri"),
        (
            "index,prediction\n0,maybe\n",
            "write one of 0, 1, no, yes, or none where nothing was predicted, which counts as wrong",
        ),
    ],
)
def test_what_the_file_lacks_is_said(content, said, tmp_path, capsys):
    path = tmp_path / "out.csv"
    if content:
        path.write_text(content)
    assert outcome(["score", str(path), "--dataset", "toy"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "toy"], "1 of 80 examples are missing, the first is index 79"),
        ([], "nothing says which data was predicted; write --dataset NAME"),
        (["--dataset", "toyy"], "did you mean toy?"),
        (["--from-entry", "ENTRY", "--split", "val"], "entries hold predictions of test alone"),
    ],
)
def test_mistakes_are_said_in_one_line(words, said, tmp_path, capsys, gdro):
    path = tmp_path / "out.csv"
    path.write_text("index,prediction\n" + "".join(f"{i},0\n" for i in range(79)))
    assert outcome(["score", str(path), *(str(gdro) if w == "ENTRY" else w for w in words)]) == 2
    err = capsys.readouterr().err.strip()
    assert said in err
    assert "\n" not in err
