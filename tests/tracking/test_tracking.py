"""Trackers get the record that the curves hold, epoch by epoch, and never stand in training's way."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

import wgbench
from wgbench import datasets, runs
from wgbench.checks.toy import Toy
from wgbench.cli.main import outcome
from wgbench.errors import BadOption, MissingExtra
from wgbench.tracking import base

NARROW = {"seeds": [1], "weight_decays": [0, 0.1], "epochs": 22, "progress": False, "baseline": False}
MODULES = ("wgbench.tracking.wandb", "wgbench.tracking.mlflow")


@pytest.fixture(autouse=True)
def _fresh():
    datasets.register("toy", Toy)
    for name in MODULES:
        sys.modules.pop(name, None)
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def run(tmp_path):
    return lambda algorithm, *log: wgbench.run(algorithm, "toy", runs=tmp_path / "runs", log=log, **NARROW)


def lines(tmp_path):
    """Curves in the run folders, by weight decay."""
    found = {}
    for path in (tmp_path / "runs").rglob("curves.jsonl"):
        cell = json.loads((path.parent / "cell.json").read_text())["cell"]
        found[cell["recipe"]["weight_decay"]] = runs.read_lines(path)
    return found


def test_json_lines_are_a_stream_of_epochs_and_entries(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--seeds", "1", "--wd", "0,.1", "--epochs", "22", "--jobs", "1", "--no-baseline"]
    assert outcome(["run", "gdro", "toy", *words, "--log", "jsonl"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events] == ["epoch"] * 44 + ["entry"]
    curves = lines(tmp_path)
    for event in events[:-1]:
        line = curves[event["weight_decay"]][event["epoch"] - 1]
        assert event["algorithm"] == "gdro"
        assert event["test/worst_group"] == min(line["test"]["correct"]) / 20
        assert event["test/accuracy"] == line["test"]["acc_correct"] / 80
        assert event["train/loss"] == pytest.approx(line["train"]["acc_loss"] / 80)
        assert event["test/accuracy/group3"] == line["test"]["correct"][3] / 20
    entry = json.loads((tmp_path / events[-1]["folder"] / "entry.json").read_text())
    assert events[-1]["scores"]["wga_final"] == entry["scores"]["wga_final"]["mean"]


def test_a_suite_streams_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "title: mine\nentries:\n- {datasets: [toy], algorithms: [erm, iw], seeds: [1], weight_decays: [0], epochs: 3}\n"
    )
    assert outcome(["suite", "run", "mine.yaml", "--jobs", "1", "--log", "jsonl"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["algorithm"] for e in events if e["event"] == "entry"].sort() == ["erm", "iw"].sort()
    assert sum(e["event"] == "epoch" for e in events) == 6


def test_two_writers_on_stdout_are_refused(capsys):
    assert outcome(["run", "erm", "toy", "--json", "--log", "jsonl"]) == 2
    assert "both write to stdout; take one of them" in capsys.readouterr().err


def test_tensorboard_reads_what_was_written(run, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run("jtt", "tensorboard")
    folders = sorted((tmp_path / "runs" / "tensorboard" / "toy").iterdir())
    assert len(folders) == 4, "two cells of two stages"
    assert [f.name.startswith("jtt-seed1-wd0") for f in folders] == [True] * 4
    (last,) = [f for f in folders if f.name.endswith("stage2") and "-wd0-" in f.name]
    read = EventAccumulator(str(last))
    read.Reload()
    scalars = read.Scalars("test/worst_group")
    second = [line for line in lines(tmp_path)[0] if line["stage"] == 2]
    assert [s.step for s in scalars] == [*range(1, 23)]
    assert [s.value for s in scalars] == pytest.approx([min(line["test"]["correct"]) / 20 for line in second])


def test_weights_and_biases_gets_a_run_per_cell(run, monkeypatch):
    made = []

    def init(**how):
        made.append(SimpleNamespace(how=how, logged=[], ended=0))
        one = made[-1]
        one.log = lambda record, step: one.logged.append((step, record))
        one.finish = lambda: setattr(one, "ended", one.ended + 1)
        return one

    fake = ModuleType("wandb")
    fake.init = init
    monkeypatch.setitem(sys.modules, "wandb", fake)
    result = run("gdro", "wandb")
    assert sorted(one.how["id"] for one in made) == sorted(f"{cell.id}-1" for cell in result.entry.cells)
    for one in made:
        assert one.how["config"]["algorithm.nu"] == 0.01
        assert one.how["resume"] == "allow"
        assert [step for step, _ in one.logged] == [*range(1, 23)]
        assert {"train/accuracy", "val/worst_group", "test/loss"} <= one.logged[0][1].keys()
        assert one.ended == 1


def test_mlflow_gets_a_run_per_cell(run, monkeypatch):
    batches, ended = {}, []

    class Client:
        def get_experiment_by_name(self, name):
            assert name == "wgbench/toy"

        def create_experiment(self, name):
            return "7"

        def create_run(self, experiment, run_name):
            assert experiment == "7"
            batches[run_name] = []
            return SimpleNamespace(info=SimpleNamespace(run_id=run_name))

        def log_batch(self, run, **what):
            batches[run].append(what)

        def set_terminated(self, run):
            ended.append(run)

    mlflow, entities, tracking = ModuleType("mlflow"), ModuleType("mlflow.entities"), ModuleType("mlflow.tracking")
    entities.Metric = lambda key, value, timestamp, step: (key, value, step)
    entities.Param = entities.RunTag = lambda key, value: (key, value)
    tracking.MlflowClient = Client
    for name, module in (("mlflow", mlflow), ("mlflow.entities", entities), ("mlflow.tracking", tracking)):
        monkeypatch.setitem(sys.modules, name, module)
    run("gdro", "mlflow")
    assert len(batches) == 2
    assert sorted(ended) == sorted(batches)
    for first, *epochs in batches.values():
        assert ("algorithm", "gdro") in first["params"]
        assert [metrics["metrics"][0][2] for metrics in epochs] == [*range(1, 23)]


def test_a_tracker_that_fails_does_not_stop_training(run, monkeypatch, capsys):
    class Broken(base.Tracker):
        def epoch(self, cell, progress):
            raise ConnectionError("the server is gone")

    module = ModuleType("broken")
    module.Broken = Broken
    monkeypatch.setitem(sys.modules, "broken", module)
    monkeypatch.setitem(base.TRACKERS, "broken", "broken:Broken")
    result = run("erm", "broken")
    assert len(result.entry.cells) == 2


def test_what_is_missing_is_said_before_training(run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtra, match=r"--log wandb: a package is missing .*pip install 'wgbench\[tracking\]'"):
        run("erm", "wandb")
    with pytest.raises(BadOption, match="did you mean tensorboard"):
        run("erm", "tensorbord")
    assert not (tmp_path / "runs").exists()


def test_curves_are_those_without_a_tracker(run, tmp_path):
    with_tracker = run("gdro", "jsonl").entry.scores
    without = wgbench.run("gdro", "toy", runs=tmp_path / "other", **NARROW).entry.scores
    assert with_tracker == without
