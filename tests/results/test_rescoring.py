"""Entries of earlier days load, check and rescore for ever; what is up to date keeps every byte."""

import json
import shutil
from pathlib import Path

import pytest

from wgbench.cli.main import outcome
from wgbench.errors import BadEntry
from wgbench.results import schema
from wgbench.results.checking import check_board
from wgbench.results.identity import subject_of
from wgbench.results.known import labels
from wgbench.results.rescoring import rescore, rescore_any
from wgbench.types import Root

ROOT = Path(__file__).parents[2] / "leaderboards"
HISTORIC = Path(__file__).parent / "historic"
FOLDERS = sorted(path.parent for path in HISTORIC.rglob(schema.ENTRY))


@pytest.fixture
def at_hand(cache):
    return labels(Root(cache, None))


@pytest.fixture
def historic(tmp_path):
    """A copy of the board of entries as they were when schema 1 froze."""
    return shutil.copytree(HISTORIC, tmp_path / "historic")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.parent.name)
def test_a_file_of_the_day_that_the_schema_froze_loads(folder):
    entry = schema.read(folder)
    content = json.loads((folder / schema.ENTRY).read_text())
    assert (entry.schema_, entry.id) == (content["schema"], folder.name) == (1, content["id"])
    for name, score in content["scores"].items():
        assert json.loads(entry.to_json())["scores"][name] == score


def contains(new, old):
    """Whether everything that was said is still said, in the same words and numbers; keys may have come.

    Ends of intervals differ in the last digits by the version of scipy.
    """
    if isinstance(old, dict):
        return isinstance(new, dict) and all(k in new and contains(new[k], v) for k, v in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(new) == len(old) and all(map(contains, new, old))
    return new == (pytest.approx(old, rel=1e-9, abs=1e-12) if isinstance(old, float) else old)


def test_old_entries_check_and_rescore_without_losing_anything(historic, at_hand):
    reports = check_board(historic, at_hand)
    assert [(r.entry.algorithm.name, r.level, r.problems) for r in reports] == [
        ("dfr", "recount", ()),
        ("erm", "recount", ()),
        ("jtt", "recount", ()),
    ]
    before = {folder: json.loads((folder / schema.ENTRY).read_text()) for folder in FOLDERS}
    assert [changed for _, changed in rescore_any(historic, at_hand)] == [True] * 3
    for folder, said in before.items():
        now = json.loads((historic / folder.relative_to(HISTORIC) / schema.ENTRY).read_text())
        assert contains(now, said)
        assert not contains(said, now)
    assert [changed for _, changed in rescore_any(historic, at_hand)] == [False] * 3
    assert [(r.level, r.problems) for r in check_board(historic, at_hand)] == [("recount", ())] * 3


def test_rescoring_counts_again_what_does_not_follow(gdro, board, at_hand, tamper):
    before = (gdro / schema.ENTRY).read_bytes()
    tamper.entry(gdro, lambda e: e["scores"]["wga_final"].update(mean=0.99))
    tamper.entry(gdro, lambda e: (e["cells"][0]["scores"].pop("acc_final"), e["cells"][1].pop("epochs")))
    assert rescore(gdro, board, at_hand)
    assert (gdro / schema.ENTRY).read_bytes() == before
    assert not rescore(gdro, board, at_hand)


def test_without_data_and_baseline_what_needs_them_stays(gdro, tmp_path, tamper):
    alone = shutil.copytree(gdro, tmp_path / "alone")
    before = (alone / schema.ENTRY).read_bytes()
    tamper.entry(alone, lambda e: e["scores"]["wga_final"].update(mean=0.99))
    assert rescore(alone)
    assert (alone / schema.ENTRY).read_bytes() == before


def test_what_contradicts_itself_is_not_rescored(gdro, board, tamper):
    tamper.table(gdro, schema.CURVES, lambda columns: None, sign=False)
    before = (gdro / schema.ENTRY).read_bytes()
    with pytest.raises(BadEntry, match=r"curves\.parquet is not the file that was scored"):
        rescore(gdro, board)
    assert (gdro / schema.ENTRY).read_bytes() == before


def test_the_verb_says_what_it_changed(board, gdro, capsys, tamper):
    tamper.entry(gdro, lambda e: e["scores"]["wga_final"].update(mean=0.99))
    assert outcome(["leaderboard", "rescore", str(board)]) == 0
    erm, ours = capsys.readouterr().out.splitlines()
    assert erm.endswith(": up to date")
    assert ours == f"{gdro}: rescored"
    assert outcome(["leaderboard", "rescore", str(gdro)]) == 0
    assert capsys.readouterr().out == f"{gdro}: up to date\n"


def test_entries_under_other_rules_are_not_rescored_under_ours(gdro, tamper, tmp_path):
    alone = shutil.copytree(gdro, tmp_path / "alone")
    tamper.entry(alone, lambda e: (e.update(rules="2.0"), e["protocol"].update(rules="2.0")))
    tamper.entry(alone, lambda e: e.update(id=subject_of(schema.read(alone)).digest()))
    before = (alone / schema.ENTRY).read_bytes()
    with pytest.raises(BadEntry, match=r"made under rules 2\.0; scores under 1\.0 are defined otherwise"):
        rescore(alone)
    assert (alone / schema.ENTRY).read_bytes() == before


def plain(node):
    """A JSON Schema without its prose, whose wording may change."""
    if isinstance(node, dict):
        return {k: plain(v) for k, v in node.items() if not (k in ("title", "description") and isinstance(v, str))}
    return [plain(v) for v in node] if isinstance(node, list) else node


def test_the_schema_that_is_published_is_that_of_the_model(capsys):
    published = json.loads((ROOT / "schema" / "entry-1.json").read_text())
    assert outcome(["leaderboard", "schema"]) == 0
    # Schema 1 is frozen: a new key needs a default. Then write what `wgbench leaderboard schema` prints into that file.
    assert plain(json.loads(capsys.readouterr().out)) == plain(published)


def test_schema_1_asks_for_no_more_than_on_the_day_it_froze():
    """A key that becomes required would shut out every file that was written before."""
    definitions = json.loads((ROOT / "schema" / "entry-1.json").read_text())
    required = {name: sorted(d.get("required", [])) for name, d in definitions["$defs"].items()}
    assert sorted(definitions["required"]) == [
        "algorithm", "backbone", "baseline", "cells", "command", "cost", "data", "dataset", "environment", "id", "loss",
        "mode", "partial", "protocol", "recipe", "rules", "scores", "weights", "weights_settle",
    ]  # fmt: skip
    assert required["CellOf"] == [
        "collapsed", "diverged_at", "id", "model", "scores", "seconds", "seed", "selected_epoch", "weight_decay",
    ]  # fmt: skip
    assert (required["Totals"], required["Mode"], required["Scores"]) == (["n", "total"], [], [])
