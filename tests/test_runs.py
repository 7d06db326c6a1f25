"""What survives: kills, torn lines, damaged checkpoints, two processes on one folder."""

import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from wgbench import algorithms, datasets, runs
from wgbench.config import Plugin
from wgbench.errors import StoreFailed
from wgbench.launch import work


def outcome(job):
    """All of a run that must not depend on how it came about: curves but for timings, result, predictions."""
    folder = runs.folder(job.store, job.cell)
    lines = [{k: v for k, v in line.items() if k != "seconds"} for line in runs.read_lines(folder / runs.CURVES)]
    result = {k: v for k, v in runs.read_json(folder / runs.RESULT).items() if k != "seconds"}
    return lines, result, (folder / runs.PREDICTIONS).read_bytes()


class Stop(Exception):
    pass


def interrupt_at(epoch, stage=1):
    def report(progress):
        if (progress.stage, progress.epoch) == (stage, epoch):
            raise Stop

    return report


@pytest.mark.parametrize("name", algorithms.names())
def test_an_interrupted_run_ends_like_an_undisturbed_one(name, toy_cell, job):
    whole, torn = job(toy_cell(name), "whole"), job(toy_cell(name), "torn")
    work.run(whole)
    for epoch in (5, 6, 17):
        with pytest.raises(Stop):
            work.run(torn, interrupt_at(epoch))
    work.run(torn)
    assert outcome(torn) == outcome(whole)
    left = {p.name for p in runs.folder(torn.store, torn.cell).iterdir()}
    assert left == {"cell.json", "curves.jsonl", "lock", "predictions.parquet", "result.json"}


def test_an_interrupted_run_of_convolutions_ends_like_an_undisturbed_one(toy_cell, job):
    """Their weights, and so their momentum, lie channels last, which files do not keep."""
    digits = Plugin(name="colored-digits", version=datasets.make("colored-digits").version)
    cell = toy_cell(backbone="cnn", epochs=4, batch_size=100, lr=0.02)
    cell = cell.model_copy(update={"dataset": digits})
    whole, torn = job(cell, "whole"), job(cell, "torn")
    work.run(whole)
    for epoch in (1, 3):
        with pytest.raises(Stop):
            work.run(torn, interrupt_at(epoch))
    work.run(torn)
    assert outcome(torn) == outcome(whole)


def test_a_finished_cell_is_not_run_again(toy_cell, job):
    done = job(toy_cell())
    work.run(done)
    before = (runs.folder(done.store, done.cell) / runs.RESULT).stat().st_mtime_ns
    work.run(done, interrupt_at(1))
    assert (runs.folder(done.store, done.cell) / runs.RESULT).stat().st_mtime_ns == before


def test_a_torn_line_is_cut_back_to_the_checkpoint(toy_cell, job):
    whole, torn = job(toy_cell(), "whole"), job(toy_cell(), "torn")
    work.run(whole)
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(9))
    curves = runs.folder(torn.store, torn.cell) / runs.CURVES
    curves.write_bytes(curves.read_bytes()[:-40])
    work.run(torn)
    assert outcome(torn) == outcome(whole)


def flipped(content):
    """One bit of the numbers, which end the file."""
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\xff" * 64 + b[64:], flipped]
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(damage, toy_cell, job):
    whole, torn = job(toy_cell(), "whole"), job(toy_cell(), "torn")
    work.run(whole)
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(9))
    states = sorted(runs.folder(torn.store, torn.cell).glob("state-*"), key=lambda p: int(p.stem.split("-")[2]))
    assert [p.name for p in states] == ["state-1-7.safetensors", "state-1-8.safetensors"]
    states[-1].write_bytes(damage(states[-1].read_bytes()))
    seen = []
    work.run(torn, lambda p: seen.append(p.epoch))
    assert seen[0] == 8  # from the checkpoint of epoch 7
    assert outcome(torn) == outcome(whole)


def test_a_kill_between_the_last_epoch_and_the_result_costs_nothing(toy_cell, job, monkeypatch):
    whole, torn = job(toy_cell(), "whole"), job(toy_cell(), "torn")
    work.run(whole)
    with monkeypatch.context() as m:
        m.setattr(runs.RunFolder, "finish", lambda *_: (_ for _ in ()).throw(Stop()))
        with pytest.raises(Stop):
            work.run(torn)
    work.run(torn, interrupt_at(24))  # no epoch is trained again
    assert outcome(torn) == outcome(whole)


def _killed(arguments, store, lines):
    """Run the command in a session of its own; SIGKILL it once some run has this many curve lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wgbench", *arguments], start_new_session=True, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        counts = [len(p.read_bytes().splitlines()) for p in store.rglob(runs.CURVES)]
        if counts and max(counts) >= lines:
            break
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait(), process.stderr.read().decode()


# One algorithm per kind of stage: plain, two at once, two stages, two networks, a refitted head.
# Cells together in one program, and one at a time.
KILLED = [
    ("gdro", "1", (10,), "auto"),
    ("gdro", "2", (10, 25), "off"),
    ("dfr", "1", (15,), "off"),
    pytest.param("gdro", "1", (10,), "off", marks=pytest.mark.slow),
    pytest.param("jtt", "1", (3, 30), "auto", marks=pytest.mark.slow),
    pytest.param("lff", "1", (20,), "auto", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "jobs", "moments", "vectorize"), KILLED)
def test_killed_and_started_again_everything_is_bit_identical(name, jobs, moments, vectorize, tmp_path):
    command = [
        "run",
        name,
        "colored-digits",
        "--seeds",
        "1,2" if jobs == "2" or vectorize == "auto" else "1",
        "--vectorize",
        vectorize,
        "--wd",
        "0",
        "--epochs",
        "40",
        "--no-baseline",
    ]
    command += ["--set", "backbone.width=32", "--checkpoint-every", "0"]
    whole = subprocess.run([sys.executable, "-m", "wgbench", *command, "--runs", tmp_path / "whole"], check=False)
    assert whole.returncode == 0
    torn = [*command, "--runs", str(tmp_path / "torn"), "--jobs", jobs]
    for lines in moments:
        code, said = _killed(torn, tmp_path / "torn", lines)
        assert code == -signal.SIGKILL, said
    assert subprocess.run([sys.executable, "-m", "wgbench", *torn], check=False).returncode == 0
    ends = []
    for store in ("whole", "torn"):
        (path,) = (tmp_path / store / "entries").iterdir()
        entry = json.loads((path / "entry.json").read_text())
        cells = [{k: v for k, v in c.items() if k != "seconds"} for c in entry["cells"]]
        ends.append((entry["scores"], cells, entry["files"]))
    assert ends[0] == ends[1]  # cells hold the digest of the final parameters, files those of counts and predictions


def _hold(path, cell, ready, release):
    with runs.RunFolder(path, cell).locked():
        ready.set()
        release.wait(30)


def test_a_second_process_on_a_run_folder_waits(toy_cell, tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "r", None, ready, release))
    other.start()
    assert ready.wait(30)
    waited = []

    def waiting():
        waited.append(True)
        release.set()

    with runs.RunFolder(tmp_path / "r", toy_cell()).locked(waiting):
        assert waited == [True]
    other.join()


def test_a_lock_goes_with_the_process_that_held_it(toy_cell, tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, never = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "r", None, ready, never))
    other.start()
    assert ready.wait(30)
    other.kill()
    other.join()
    with runs.RunFolder(tmp_path / "r", toy_cell()).locked(lambda: pytest.fail("the lock outlived its process")):
        pass


def test_a_full_disk_is_said_in_one_line_and_loses_nothing(toy_cell, job):
    whole, torn = job(toy_cell(), "whole"), job(toy_cell(), "torn")
    work.run(whole)
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(9))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(
            StoreFailed, match=r"no space left .*; free some, then run the same command again"
        ) as caught:
            work.run(torn)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    work.run(torn)
    assert outcome(torn) == outcome(whole)


def test_a_file_where_a_folder_belongs(toy_cell, job, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(StoreFailed, match="a file lies where a folder belongs; move it, or give another --runs"):
        work.run(job(toy_cell(), "taken"))
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda b: b[: len(b) // 2], r"damaged \("),
        (lambda _: parquet({"final": [0, 1]}, "int64"), r"damaged \(a column that holds no classes\)"),
        (lambda _: parquet({"final": [0, None]}, "int16"), r"damaged \(a column that holds no classes\)"),
    ],
)
def test_damaged_predictions_are_named_and_not_read(toy_cell, job, damage, said):
    done = job(toy_cell(epochs=2))
    work.run(done)
    path = runs.folder(done.store, done.cell) / runs.PREDICTIONS
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreFailed, match=rf"predictions\.parquet: {said}"):
        runs.read_predictions(path)


def parquet(columns, kind):
    """A table as the content of a file."""
    import io

    import pyarrow as pa
    from pyarrow import parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(values, kind) for name, values in columns.items()}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("group", ["None", "7", '[["one", 0.0]]', "[[1]]"])
def test_a_record_that_names_no_cells_is_damaged(tmp_path, group):
    (tmp_path / runs.CELL).write_text(f'{{"group": {group.replace("None", "null")}}}')
    with pytest.raises(StoreFailed, match=r"damaged \(a group that is none\)"):
        runs.group(tmp_path)
