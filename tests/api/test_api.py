"""The Python interface: what it returns, what it refuses, and that importing the package stays light."""

import doctest
import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
import torch
from committed import committed

import wgbench
from wgbench import algorithms, datasets
from wgbench.algorithms.base import Algorithm
from wgbench.checks.toy import Toy
from wgbench.cli.main import outcome
from wgbench.errors import BadEntry, BadOption, UnknownName
from wgbench.results import stored

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"
NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"
NARROW = {"seeds": [1, 2], "weight_decays": [0, 0.1], "epochs": 22, "progress": False}
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Mine(Algorithm):
    """Twice the weight for nobody, 2020."""

    strength: float = 1.0

    def weigh(self, losses, batch, state):
        return torch.softmax(self.strength * losses, 0), state


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return wgbench.run(wgbench.make("algorithm", "gdro", nu=0.5), "toy", runs=store, **NARROW)


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, wgbench; wgbench.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "matplotlib", "sklearn", "timm"} & set(loaded)
    code = "import sys, wgbench; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "wgbench.api" not in loaded


@pytest.mark.parametrize("name", ["wgbench.api", "wgbench.api.calls", "wgbench.api.data"])
def test_examples_in_docstrings_say_what_comes_out(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert tried > 0
    assert failed == 0


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    kinds = {kind for out in shown for kind in out.get("data", {})}
    assert {"text/html", "image/png"} <= kinds
    assert not [out for out in shown if out.output_type == "error"]
    assert len(list((tmp_path / "runs" / "board" / "results").rglob("entry.json"))) == 1


def test_the_names_of_the_interface_are_there_before_they_are_imported():
    assert {"run", "make", "entries", "Result"} <= set(dir(wgbench))
    assert {name for name in wgbench.__all__ if not hasattr(wgbench, name)} == set()
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        wgbench.rum  # noqa: B018


def test_options_of_a_plugin_object_reach_the_run(result):
    assert result.entry.algorithm.options["nu"] == 0.5
    assert "--set nu=0.5" in result.entry.command
    by_name = wgbench.run("gdro", "toy", settings={"nu": 0.5}, runs=result.folder.parents[1], **NARROW)
    assert by_name.id == result.id
    data = wgbench.make("dataset", "toy", n=60)
    given = wgbench.run("erm", data, wgbench.make("backbones", "mlp", width=8), runs=result.folder.parents[1], **NARROW)
    assert given.entry.dataset.options["n"] == 60
    assert given.entry.backbone.options["width"] == 8


def test_a_class_of_ones_own_runs_once_it_has_a_name(tmp_path):
    with pytest.raises(UnknownName, match=r"its class has no name; register its class: wgbench.algorithms.register"):
        wgbench.run(Mine(), "toy", runs=tmp_path, **NARROW)
    algorithms.register("mine-of-the-interface", Mine)
    done = wgbench.run(Mine(strength=2.0), "toy", runs=tmp_path, baseline=False, **NARROW)
    assert done.entry.algorithm.name == "mine-of-the-interface"
    assert done.entry.algorithm.options == {"strength": 2.0}


def test_examples_come_in_the_order_that_is_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    test = wgbench.examples(wgbench.make("dataset", "toy", n=60), "test")
    assert len(test) == len(test.inputs) == 60
    assert test.membership[range(60), test.groups].all()
    group = 3
    predicted = np.where(test.groups == group, 1 - test.labels, test.labels)
    rows = [f"{i},{test.classes[c] if i % 2 else c}" for i, c in enumerate(predicted)]
    (tmp_path / "mine.csv").write_text("\n".join(["index,prediction", *rows]))
    assert outcome(["score", "mine.csv", "--dataset", "toy", "--set", "n=60", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["groups"]
    assert {name: score["mean"] for name, score in found.items()} == {
        name: float(place != group) for place, name in enumerate(test.group_names)
    }


def test_tables_hold_what_the_entry_says(result):
    scores = result.entry.scores
    assert result.scores.loc["wga_final", "mean"] == scores.wga_final.mean
    assert result.scores.loc["wga_final", "high"] == scores.wga_final.high
    assert result.per_seed.loc[2, "wga_final"] == scores.wga_final.per_seed["2"]
    curves = result.curves
    assert len(curves) == 4 * 3 * 22
    last = curves.query("seed == 1 and weight_decay == 0 and split == 'test' and epoch > 12")
    assert last.worst_group.mean() == pytest.approx(scores.wga_final.per_seed["1"])
    groups = [f"accuracy[{name}]" for name in result.entry.dataset.group_names]
    assert np.array_equal(last[groups].min(axis=1), last.worst_group)
    assert result.weight_decays.loc[0.1, "worst_group_mean"] == scores.wd_curve[1].wga.mean
    predicted = result.predictions
    right = (predicted["final", 1] == np.arange(80) % 2).mean()
    assert right == pytest.approx(last[last.epoch == 22].accuracy.item())


def test_curves_have_holes_where_nothing_was_scored():
    folder = committed("dfr")
    curves = wgbench.load(folder).curves.query("split == 'test' and weight_decay == 0 and seed == 2002")
    kept = curves[curves.worst_group.notna()].epoch.tolist()
    assert kept == [*range(11, 21), *range(291, 301)]


def test_figures_are_shown_and_saved(result, tmp_path):
    for what in ("accuracy", "groups", "weights", "weight_decay"):
        assert result.plot(what)._repr_png_().startswith(b"\x89PNG")
    assert (result.plot().save(tmp_path / "new" / "curve.svg")).read_bytes().startswith(b"<?xml")
    with pytest.raises(BadOption, match=r"let the name end in \.png or \.svg"):
        result.plot().save(tmp_path / "curve.pdf")
    with pytest.raises(UnknownName, match="did you mean accuracy"):
        result.plot("acuracy")


def test_many_entries_are_a_table(result):
    found = wgbench.entries(result.folder.parent)
    assert {one.entry.algorithm.name for one in found} >= {"gdro", "erm"}
    assert set(found.table.index) == {one.id for one in found}
    ours = found.where(algorithm="gdro")
    assert [one.id for one in ours] == [result.id]
    assert ours.table.loc[result.id, "wga_final"] == result.entry.scores.wga_final.mean
    for what in ("scores", "accuracy", "groups", "weight_decay"):
        assert found.plot(what)._repr_png_().startswith(b"\x89PNG")
    difference = result.compare(wgbench.load(result.folder.parent / result.entry.baseline)).loc["wga_final"]
    assert difference["difference"] == pytest.approx(result.entry.scores.erm_excess_final.mean)
    with pytest.raises(UnknownName, match="did you mean algorithm"):
        found.where(algoritm="gdro")
    assert (len(found), len(found[:1]), found[0].id) == (len(found.entries), 1, found.entries[0].id)
    assert repr(found[:1]) == repr(found[0])
    assert repr(found[:0]) == "no entries"
    assert "no entries" in found[:0]._repr_html_()
    with pytest.raises(UnknownName, match="plot 'score': no such figure; did you mean scores"):
        found.plot("score")
    with pytest.raises(BadEntry, match="there are none"):
        wgbench.entries(Path(__file__).parent)


def test_entries_of_several_grounds_are_told_apart_and_reported_on(result, tmp_path):
    both = wgbench.Results((result, wgbench.load(committed("gdro"))))
    shown = both._repr_html_()
    assert "<b>2 entries</b>" in shown
    assert ", toy, mlp<" in shown
    assert ", colored-digits, mlp<" in shown
    page = both[:1].report(tmp_path / "report")
    assert page.is_file()
    assert "toy" in page.read_text()


def test_what_notebooks_show_is_escaped(result):
    hostile = result.entry.model_copy(update={"note": "<script>alert(1)</script>"})
    hostile = hostile.model_copy(
        update={"algorithm": hostile.algorithm.model_copy(update={"name": "<img src=x onerror=alert(1)>"})}
    )
    one = wgbench.Result(stored.Stored(hostile, result.folder))
    for shown in (one._repr_html_(), wgbench.Results((one, result))._repr_html_()):
        assert "<script" not in shown
        assert "<img" not in shown
        assert "&lt;img" in shown
    assert f"{100 * result.entry.scores.wga_final.mean:.1f} ±" in result._repr_html_()


def test_one_seed_is_shown_without_an_interval():
    text = repr(wgbench.load(committed("erm")))
    assert text.startswith("<erm on colored-digits, mlp, 5 seeds: worst group early ")
    assert "partial" not in text


def test_mistakes_say_what_to_do(tmp_path):
    with pytest.raises(BadOption, match=r"wgbench.run: no option 'divice'; did you mean device\?"):
        wgbench.run("erm", "toy", divice="cpu", runs=tmp_path)
    for given, remedy in (
        ({"seeds": 2002}, r"seeds=2002: not a list; give a list: seeds=\[2002\]"),
        ({"seeds": "2002"}, r"seeds='2002': not a list; give a list: seeds=\[2002\]"),
        ({"seeds": ["a"]}, r"seeds=\['a'\]: not a list of numbers; give one, as seeds=\[2002\]"),
        ({"seeds": [1.5]}, r"1.5 is no whole number; give whole numbers, as seeds=\[2002\]"),
        ({"seeds": []}, "seeds: none are given; give some, as 2002,2022, or leave them out"),
        ({"weight_decays": 0.2}, r"give a list: weight_decays=\[0.2\]"),
        ({"weight_decays": "0"}, r"give a list: weight_decays=\[0.1\]"),
    ):
        with pytest.raises(BadOption, match=remedy):
            wgbench.run("erm", "toy", runs=tmp_path, **given)
    with pytest.raises(UnknownName, match="did you mean algorithm"):
        wgbench.make("algoritm", "erm")
    with pytest.raises(BadOption, match="no entry of suite smoke fits"):
        wgbench.run_suite("smoke", only="nothing", runs=tmp_path)


def test_what_is_there_is_not_trained_again(result):
    before = {p: p.stat().st_mtime_ns for p in result.folder.parents[1].rglob("result.json")}
    again = wgbench.run("gdro", "toy", settings={"nu": 0.5}, runs=str(result.folder.parents[1]), **NARROW)
    assert again.id == result.id
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_an_entry_goes_onto_a_board(result, tmp_path):
    datasets.register("toy", Toy)
    where = result.add_to(tmp_path / "board")
    assert json.loads((where / "entry.json").read_text())["id"] == result.id
