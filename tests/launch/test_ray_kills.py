"""A sweep on Ray whose processes are killed again and again ends with the bytes of one that nobody disturbed."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wgbench import runs

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

SWEEP = """
title: Four algorithms at three weight decays
entries:
  - datasets: [colored-digits]
    algorithms: [erm, iw, gdro, cvar]
    epochs: 200
    weight_decays: [0, 0.05, 0.3]
"""
CELLS, KILLS, FEWEST, BETWEEN = 4 * 5 * 3, 8, 5, 8.0  # seconds; on a fast machine the sweep ends before the last kill
FURTHER = 40  # epochs until a cell is hit again: a busy machine has to get on as well
SMALL = """
title: Two algorithms
entries:
  - {datasets: [colored-digits], algorithms: [erm, gdro], epochs: 300, weight_decays: [0]}
"""


@pytest.fixture
def sweep(tmp_path):
    """Start a suite into a store, with the given further options."""

    def start(suite, store, *options):
        (tmp_path / "sweep.yaml").write_text(suite)
        words = ["-m", "wgbench", "suite", "run", str(tmp_path / "sweep.yaml"), "--jobs", "2", "--vectorize", "off"]
        words += ["--runs", str(tmp_path / store), *options]
        with (tmp_path / f"{store}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, *words], stdout=log, stderr=log)

    return start


def test_workers_are_killed_all_the_time(sweep, below, tmp_path, capsys):
    driver, kills, began = sweep(SWEEP, "there", "--launcher", "ray"), 0, time.monotonic()
    reached: dict[str, int] = {}  # by the cells whose workers were killed
    while driver.poll() is None:
        training = {pid: amidst(pid) for pid, name in below(driver.pid).items() if name.startswith("ray::train")}
        further = [pid for pid, (cell, epochs) in training.items() if epochs >= reached.get(cell, 0) + FURTHER]
        if further and kills < KILLS:
            doomed = random.choice(further)
            os.kill(doomed, signal.SIGKILL)
            reached |= [training[doomed]]
            kills += 1
            time.sleep(BETWEEN)
        time.sleep(0.1)
    took = time.monotonic() - began
    said = " ".join((tmp_path / "there.log").read_text().split())
    assert driver.returncode == 0, said
    assert sweep(SWEEP, "here").wait() == 0
    assert FEWEST <= said.count("it is run again") <= kills, "some may have ended before they were killed"
    assert compared(tmp_path / "here", tmp_path / "there") == CELLS
    with capsys.disabled():
        print(f"\n{CELLS} cells, {kills} kills, {took:.0f} s")


def test_the_driver_and_the_node_are_killed_and_the_next_call_goes_on(sweep, below, tmp_path):
    for doomed in ("wgbench", "raylet"):
        driver = sweep(SMALL, "there", "--launcher", "ray")
        while not any(amidst(pid)[1] >= 10 for pid in below(driver.pid)):
            assert driver.poll() is None
            time.sleep(0.1)
        training = {pid for pid, name in below(driver.pid).items() if name.startswith("ray::train")}
        named = [pid for pid, name in below(driver.pid).items() if name.partition(" ")[0].endswith("/raylet")]
        os.kill(named[0] if doomed == "raylet" else driver.pid, signal.SIGKILL)
        assert driver.wait(60) == (2 if doomed == "raylet" else -signal.SIGKILL)
        until = time.monotonic() + 60
        while (left := training & below(1).keys()) and time.monotonic() < until:
            time.sleep(0.5)
        assert not left, "nothing is trained any more"
    said = " ".join((tmp_path / "there.log").read_text().split())
    assert said.endswith("run the same command again: it goes on where it was; with less memory, take a smaller --jobs")
    assert "the Ray process of this machine was killed" in said
    assert sweep(SMALL, "there", "--launcher", "ray").wait() == 0
    assert sweep(SMALL, "here").wait() == 0
    assert compared(tmp_path / "here", tmp_path / "there") == 10


def amidst(pid: int) -> tuple[str, int]:
    """The cell that a worker is at, since it holds the lock of its folder, and how many epochs are behind."""
    with contextlib.suppress(OSError):  # gone meanwhile
        for number in Path(f"/proc/{pid}/fd").iterdir():
            open_file = Path(os.readlink(number))
            if open_file.name == "lock" and (curves := open_file.parent / runs.CURVES).is_file():
                return open_file.parent.name, curves.read_bytes().count(b"\n")
    return "", 0


def compared(here: Path, there: Path) -> int:
    """The number of runs in two stores, which must be equal in all that does not depend on the clock."""
    ours, theirs = (
        {path.parent.relative_to(s) for s in (store,) for path in s.glob(f"*/*/*/*/{runs.RESULT}")}
        for store in (here, there)
    )
    assert ours == theirs
    for run in ours:
        a, b = here / run, there / run
        assert {p.name for p in a.iterdir()} == {p.name for p in b.iterdir()}
        assert (a / runs.CELL).read_bytes() == (b / runs.CELL).read_bytes()
        assert (a / runs.PREDICTIONS).read_bytes() == (b / runs.PREDICTIONS).read_bytes()
        assert timeless(runs.read_json(a / runs.RESULT)) == timeless(runs.read_json(b / runs.RESULT))
        assert [timeless(x) for x in runs.read_lines(a / runs.CURVES)] == [
            timeless(x) for x in runs.read_lines(b / runs.CURVES)
        ]
    entries = sorted(path.relative_to(here) for path in here.glob("entries/*/*.parquet"))
    assert entries
    assert all((here / file).read_bytes() == (there / file).read_bytes() for file in entries)
    return len(ours)


def timeless(found: dict[str, object]) -> str:
    """JSON without timings."""
    return json.dumps({name: value for name, value in found.items() if name != "seconds"}, sort_keys=True)
