"""What is left over in a store, and that nothing else goes."""

import json
import os
import time

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from wgbench import checkpoints, protocol, runs
from wgbench.checks.toy import Interrupted
from wgbench.cleaning import DAY, look, remove
from wgbench.cli.main import app, outcome
from wgbench.request import Observer, Request


class Cut(Observer):
    """Ends training after some epochs."""

    def __init__(self, after):
        self.after = after

    def progress(self, progress):
        self.after -= 1
        if self.after == 0:
            raise Interrupted


@pytest.fixture
def store(tmp_path):
    """A store with a finished run and a half done one."""
    wanted = Request("erm", "toy", seeds=(1, 2), weight_decays=(0.0,), epochs=12, jobs=1, store=tmp_path / "runs",
                     checkpoint_every=0.0, vectorize="off")  # fmt: skip
    with pytest.raises(Interrupted):
        protocol.run(wanted, Cut(12 + 5))
    return wanted.store


@pytest.fixture
def done(store):
    (path,) = store.glob("*/*/*/*/result.json")
    return path.parent


@pytest.fixture
def half(store, done):
    (path,) = (p.parent for p in store.glob("*/*/*/*/curves.jsonl") if p.parent != done)
    return path


def names(store, **options):
    """What is left over, by name."""
    return sorted(file.path.name for file in look(store, **options) if file.left_over)


def test_all_files_are_accounted_for_and_a_sound_store_has_nothing_left_over(store, half):
    found = list(look(store))
    on_disk = {p: p.stat().st_size for p in store.rglob("*") if p.is_file()}
    assert {file.path: file.size for file in found} == on_disk
    assert names(store) == []
    assert not [file for file in found if file.kind == "other files"]
    states = [file.path for file in found if file.kind == "checkpoints of runs that go on"]
    assert states == checkpoints.states(half)
    assert len(states) == runs.KEPT


def test_checkpoints_of_finished_runs_go_and_interrupted_ones_go_on(store, done, half):
    before = sorted(p.name for p in half.iterdir())
    for name in ("state-1-12.safetensors", "state-1-11.safetensors"):
        (done / name).write_bytes(b"x" * 70)
    assert names(store) == ["state-1-11.safetensors", "state-1-12.safetensors"]
    assert remove(look(store)) == (2, 140)
    assert sorted(p.name for p in half.iterdir()) == before
    assert {"cell.json", "curves.jsonl", "predictions.parquet", "result.json"} <= {p.name for p in done.iterdir()}
    assert remove(look(store)) == (0, 0)


def test_kept_networks_go_only_where_that_is_said(store, done):
    (done / "stage-1.safetensors").write_bytes(b"x")
    assert names(store) == []
    assert names(store, networks=True) == ["stage-1.safetensors"]


def test_abandoned_runs_go_whole_and_only_untouched_ones(store, half, done):
    later = time.time() + 3 * DAY
    assert names(store, days=4, now=later) == []
    assert names(store, days=2, now=later) == sorted(p.name for p in half.iterdir())
    (half / "lock").unlink(missing_ok=True)
    remove(look(store, days=2, now=later))
    assert not half.exists()
    assert runs.finished(done)


def test_what_a_process_holds_is_let_alone(store, half, done):
    (done / "state-1-12.safetensors").write_bytes(b"x")
    with FileLock(half / "lock"):
        assert remove(look(store, days=2, now=time.time() + 3 * DAY)) == (1, 1)
    assert checkpoints.states(half)


def test_half_written_files_go_once_they_are_nobodys(store, done):
    for where in (store, done, store / "entries" / ("0" * 16)):
        where.mkdir(parents=True, exist_ok=True)
        (where / ".result.json.4711").write_bytes(b"x")
    (done / ".hidden").write_bytes(b"x")
    assert names(store) == []
    assert names(store, now=time.time() + 2 * 3600) == [".result.json.4711"] * 3


def test_links_lead_nowhere(store, tmp_path):
    outside = tmp_path / "outside" / "a" / "b" / "c" / ("0" * 16)
    outside.mkdir(parents=True)
    (outside / "result.json").write_text("{}")
    (outside / "state-1-1.safetensors").write_text("x")
    os.symlink(tmp_path / "outside" / "a", store / "link")
    assert names(store) == []


def test_the_verb_shows_and_removes_only_when_told(store, done, capsys):
    def said(*words):
        return CliRunner().invoke(app, ["clean", "--runs", str(store), *words], catch_exceptions=False).stdout

    assert "left over;" not in said()
    (done / "state-1-12.safetensors").write_bytes(b"x" * 1500)
    shown = said()
    assert "1 file is left over; --yes removes it" in shown
    assert "checkpoints of runs that are over" in shown
    assert (done / "state-1-12.safetensors").exists()
    facts = json.loads(said("--json"))
    assert facts["kinds"]["checkpoints of runs that are over"] == {"files": 1, "bytes": 1500, "left_over": 1500}
    assert facts["removed_files"] == 0
    assert "removed 1 files, 1.5 kB" in said("--yes")
    assert not (done / "state-1-12.safetensors").exists()
    assert outcome(["clean", "--runs", str(store / "nowhere")]) == 2
    assert "no such folder; give the folder that holds the runs" in capsys.readouterr().err


def test_plans_of_an_earlier_version_go(store):
    (store / "plans").mkdir()
    (store / "plans" / "old.json").write_text("{}")
    assert names(store) == ["old.json"]
    assert remove([file for file in look(store) if file.left_over]) == (1, 2)
    assert not (store / "plans" / "old.json").exists()
