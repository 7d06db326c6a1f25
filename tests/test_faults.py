"""Faults that are caused: each is said in one line, the next call ends like an undisturbed run."""

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from layouts import write_waterbirds
from test_runs import Stop, flipped, interrupt_at, outcome

from wgbench import checkpoints, leaving, protocol, runs
from wgbench.errors import DeviceFailed, MissingData, StoreFailed
from wgbench.launch import work
from wgbench.request import Request
from wgbench.results import schema

WGBENCH = [sys.executable, "-m", "wgbench"]
COMMAND = ["run", "gdro", "colored-digits", "--seeds", "1", "--wd", "0", "--epochs", "60", "--no-baseline"]
COMMAND += ["--set", "backbone.width=32", "--checkpoint-every", "1000"]


def entry_of(store):
    """What an entry says of its results, and its files."""
    (folder,) = (store / "entries").iterdir()
    found = schema.read(folder)
    return found.scores, [cell.model_copy(update={"seconds": 0.0}) for cell in found.cells], found.files


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The entry of COMMAND."""
    store = tmp_path_factory.mktemp("undisturbed")
    subprocess.run([*WGBENCH, *COMMAND, "--runs", store], check=True, capture_output=True)
    return entry_of(store)


def replaced(request, store):
    return replace(request, store=store)


# Being asked to leave


def reaches(process, store, lines):
    """Wait until a run of a process has so many lines."""
    while process.poll() is None:
        if any(path.read_bytes().count(b"\n") >= lines for path in store.rglob(runs.CURVES)):
            return
        time.sleep(0.01)
    pytest.fail("it did not get that far")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_sigterm_saves_and_leaves(jobs, undisturbed, tmp_path):
    command = [*WGBENCH, *COMMAND, "--runs", tmp_path, "--jobs", jobs]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    reaches(process, tmp_path, 5)
    process.terminate()
    _, said = process.communicate()
    assert process.returncode == leaving.STATUS, said
    how = "the same command goes on, with runs from their last checkpoints"
    assert said.splitlines()[-1] == f"wgbench: interrupted; {how}"
    (state,) = tmp_path.rglob("state-*.safetensors")  # no other was due
    epoch = checkpoints.moment(state)[1]
    assert 5 <= epoch == len(runs.read_lines(state.parent / runs.CURVES)) < 60
    subprocess.run(command, check=True, capture_output=True)
    assert entry_of(tmp_path) == undisturbed


def test_cells_that_are_trained_together_are_all_saved(tmp_path, monkeypatch):
    request = Request("gdro", "toy", seeds=(1, 2, 3), weight_decays=(0.0,), jobs=1, baseline=False)
    whole = protocol.run(replaced(request, tmp_path / "whole")).entry

    class Watching(protocol.Observer):
        def __init__(self, last=0):
            self.seen, self.last = [], last

        def progress(self, progress):
            self.seen.append(progress.epoch)
            if len(self.seen) == self.last:
                os.kill(os.getpid(), signal.SIGTERM)

    with leaving.heeding(), pytest.raises(leaving.Terminated):
        protocol.run(replaced(request, tmp_path / "torn"), Watching(14))  # of the fifth epoch the second cell
    states = [path.name for path in (tmp_path / "torn").rglob("state-*")]
    assert states == ["state-1-5.safetensors"] * 3
    after = Watching()
    assert protocol.run(replaced(request, tmp_path / "torn"), after).entry.files == whole.files
    assert after.seen[0] == 6


# A full disk


class Disk:
    """Counts the writes to a disk; the one numbered `full` finds no space left, half way through a line."""

    def __init__(self, full=0):
        self.full, self.writes = full, 0

    def written(self, *_):
        self.writes += 1
        if self.writes == self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    @contextlib.contextmanager
    def used(self):
        """Files are written whole, which ends in fsync, or lines are appended."""
        opened = Path.open

        def open_(path, mode="r", *more, **named):
            file = opened(path, mode, *more, **named)
            return Half(file, self) if mode == "a" else file

        with pytest.MonkeyPatch.context() as m:
            m.setattr(os, "fsync", self.written)
            m.setattr(Path, "open", open_)
            yield


class Half:
    """A file that takes half of what it is given when the disk is full."""

    def __init__(self, file, disk):
        self.file, self.disk = file, disk

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, text):
        try:
            self.disk.written()
        except OSError:
            self.file.write(text[: len(text) // 2])
            raise
        return self.file.write(text)


def test_a_disk_that_is_full_at_any_write_costs_nothing(toy_cell, job, tmp_path):
    cell = toy_cell("gdro", epochs=5)
    whole = job(cell, "whole")
    counted = Disk()
    with counted.used():
        work.run(whole)
    assert (
        counted.writes == 2 + 5 + 5 + 1 + 1 + 1
    )  # cell, curves cut back, lines, checkpoints, the stage, predictions, result
    for at in range(1, counted.writes + 1):
        torn = job(cell, f"torn-{at}")
        with Disk(at).used(), pytest.raises(StoreFailed, match=r"no space left .*; free some, then run the same"):
            work.run(torn)
        assert not runs.finished(runs.folder(torn.store, cell))
        work.run(torn)
        assert outcome(torn) == outcome(whole)
        assert not list(torn.store.rglob(".*")), "something was left beside"


def test_a_disk_that_is_full_while_the_entry_is_written(tmp_path):
    request = Request("gdro", "toy", seeds=(1,), weight_decays=(0.0,), epochs=5, jobs=1, baseline=False)
    whole = protocol.run(replaced(request, tmp_path / "whole")).entry
    store = tmp_path / "torn"
    shutil.copytree(tmp_path / "whole", store)
    for at in (1, 2, 3, 4):  # whether anything can be written; curves, predictions, entry.json
        shutil.rmtree(store / "entries")
        with Disk(at).used(), pytest.raises(StoreFailed, match="no space left"):
            protocol.run(replaced(request, store))
        assert not list(store.rglob(schema.ENTRY)), "an entry is there once it is whole"
        found = protocol.run(replaced(request, store)).entry
        assert (found.id, found.files, found.scores) == (whole.id, whole.files, whole.scores)


def test_a_file_in_the_place_of_entries(tmp_path):
    (tmp_path / "entries").write_text("mine")
    request = Request("erm", "toy", seeds=(1,), weight_decays=(0.0,), epochs=2, jobs=1, store=tmp_path)
    with pytest.raises(StoreFailed, match="a file lies where a folder belongs; move it, or give another --runs"):
        protocol.run(request)
    assert (tmp_path / "entries").read_text() == "mine"
    (tmp_path / "entries").unlink()
    assert protocol.run(request).entry.cells


# Damage


@pytest.mark.parametrize("damage", [flipped, lambda content: content[: len(content) // 2]])
def test_a_damaged_checkpoint_is_told_of(damage, toy_cell, job):
    torn = job(toy_cell())
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(9))
    states = checkpoints.states(runs.folder(torn.store, torn.cell))
    states[-1].write_bytes(damage(states[-1].read_bytes()))
    notes = []
    work.run(torn, lambda progress: notes.append(progress.note))
    assert notes[0] == (
        f"cell {torn.cell.id}: state-1-8.safetensors damaged, or the curves before: "
        "training went on after epoch 7 of stage 1"
    )
    assert not any(notes[1:])


def test_without_a_whole_checkpoint_the_cell_begins_again_and_says_so(toy_cell, job):
    whole, torn = job(toy_cell(), "whole"), job(toy_cell(), "torn")
    work.run(whole)
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(9))
    for state in checkpoints.states(runs.folder(torn.store, torn.cell)):
        state.write_bytes(flipped(state.read_bytes()))
    seen = []
    work.run(torn, seen.append)
    assert (seen[0].epoch, len(seen)) == (1, 24)
    assert "state-1-7.safetensors, state-1-8.safetensors damaged" in seen[0].note
    assert seen[0].note.endswith("training went on from the start")
    assert outcome(torn) == outcome(whole)


def test_a_changed_digit_in_the_curves_is_seen(toy_cell, job):
    """A line that still is one: without the checkpoint's digest of the lines before, its counts would go on."""
    whole, torn = job(toy_cell(), "whole"), job(toy_cell(), "torn")
    work.run(whole)
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(9))
    curves = runs.folder(torn.store, torn.cell) / runs.CURVES
    before = curves.read_text()
    at = before.index('"correct": [') + len('"correct": [')
    curves.write_text(before[:at] + str((int(before[at]) + 1) % 10) + before[at + 1 :])
    seen = []
    work.run(torn, seen.append)
    assert seen[0].epoch == 1
    assert outcome(torn) == outcome(whole)


# Two drivers, clocks, data, memory, numbers


def test_two_drivers_on_one_store(undisturbed, tmp_path):
    command = [*WGBENCH, *COMMAND, "--runs", tmp_path, "--jobs", "1"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert entry_of(tmp_path) == undisturbed
    assert len(list(tmp_path.rglob(runs.RESULT))) == 1


def test_clocks_that_jump(toy_cell, job, monkeypatch):
    whole, torn = job(toy_cell("gdro"), "whole"), job(toy_cell("gdro"), "torn", checkpoint_every=30.0)
    work.run(whole)
    draw = random.Random(0)
    monkeypatch.setattr(time, "time", lambda: draw.uniform(-1e9, 4e9))
    monkeypatch.setattr(time, "monotonic", lambda: draw.uniform(-1e9, 4e9))
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(9))
    work.run(torn)
    assert outcome(torn) == outcome(whole)


def test_a_dataset_that_is_removed_between_epochs(tmp_path):
    sizes = {"train": (6, 2, 2, 6), "val": (2, 2, 2, 2), "test": (2, 2, 2, 2)}
    folder, away = write_waterbirds(tmp_path / "birds", sizes), tmp_path / "away"
    settings = {"recipe.views": {"size": 8, "eval": [["resize", 8]]}, "recipe.batch_size": 8}
    request = Request("gdro", f"folder:{folder}", backbone="mlp", seeds=(1,), weight_decays=(0.0,), epochs=6,
                      pretrained=False, jobs=1, baseline=False, settings=settings, checkpoint_every=0.0)  # fmt: skip
    whole = protocol.run(replaced(request, tmp_path / "whole")).entry

    class Removing(protocol.Observer):
        def __init__(self, at=0, stop=False):
            self.at, self.stop, self.seen = at, stop, []

        def progress(self, progress):
            self.seen.append(progress.epoch)
            if progress.epoch == self.at:
                folder.rename(away)
                if self.stop:
                    raise Stop

    for stop, left in ((False, []), (True, [3, 4, 5, 6])):  # trained to the end, the entry missing; interrupted
        here = replaced(request, tmp_path / f"torn-{stop}")
        with pytest.raises(Stop if stop else MissingData):
            protocol.run(here, Removing(3, stop))
        work._splits.cache_clear()
        with pytest.raises(MissingData, match=str(folder)):
            protocol.run(here)
        away.rename(folder)
        after = Removing()
        assert protocol.run(here, after).entry.files == whole.files
        assert after.seen == left


def test_too_little_memory_is_said_with_the_remedies(toy_cell, job):
    with pytest.raises(DeviceFailed) as caught:
        work.run(job(toy_cell(width=2**50 // 16)))
    for remedy in ("out of memory", "--precision bf16", "--jobs", "--device cpu"):
        assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


def test_losses_that_are_no_numbers_end_a_cell_and_count_as_wrong(toy_cell, job):
    cell = toy_cell("gdro", lr=1e30)
    whole, torn = job(cell, "whole"), job(cell, "torn")
    work.run(whole)
    lines, result, _ = outcome(whole)
    assert result["diverged_at"] is not None
    assert len(lines) == result["diverged_at"] - 1
    with pytest.MonkeyPatch.context() as m:
        m.setattr(runs.RunFolder, "finish", lambda *_: (_ for _ in ()).throw(Stop()))
        with pytest.raises(Stop):
            work.run(torn)
    work.run(torn)
    assert outcome(torn) == outcome(whole)
