"""Comparing runs that different launchers made, and finding processes that they started."""

import contextlib
import json
import sys
from pathlib import Path

import pytest

from wgbench import runs
from wgbench.launch import work


@pytest.fixture
def outcome():
    """What a run comes to, without what depends on the clock: curves, model digest, predictions."""

    def read(job):
        found = {}
        for cell in job.cells:
            path = runs.folder(job.store, cell)
            lines = [{k: v for k, v in x.items() if k != "seconds"} for x in runs.read_lines(path / runs.CURVES)]
            result = {k: v for k, v in runs.read_json(path / runs.RESULT).items() if k != "seconds"}
            found[cell.id] = (json.dumps(lines), result, (path / runs.PREDICTIONS).read_bytes())
        return found

    return read


@pytest.fixture
def twins(job):
    """Jobs of cells that were run in this process, and the same ones in another store, for a launcher to run."""

    def make(cells):
        here, there = ([job(cell, store) for cell in cells] for store in ("here", "there"))
        for one in here:
            work.run(one)
        return here, there

    return make


@pytest.fixture
def ends_beside_another_driver(toy_cell, job):
    """The seeds of two cells in the order of their ends; another driver holds the first until the second has ended."""

    def ends(launcher):
        theirs, ours = job(toy_cell(seed=1)), job(toy_cell(seed=2))
        found = []
        with contextlib.ExitStack() as held, launcher:
            held.enter_context(runs.RunFolder(runs.folder(theirs.store, theirs.cell), theirs.cell).locked())

            def follow(one, problem):
                assert problem is None
                found.append(one.cell.seed)
                held.close()
                return ()

            launcher.run([theirs, ours], lambda _: None, follow)
        return found

    return ends


@pytest.fixture
def below():
    """The processes that a process started, and those that they did, as long as they live: their names."""
    if sys.platform != "linux":
        pytest.skip("finds processes in /proc")

    def find(pid):
        parents, names = {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                name = (folder / "cmdline").read_text().replace("\0", " ").strip()
            except OSError:  # gone meanwhile
                continue
            if state != "Z":
                parents[int(folder.name)], names[int(folder.name)] = int(parent), name
        found = {pid}
        while new := {child for child, parent in parents.items() if parent in found} - found:
            found |= new
        return {child: names[child] for child in found - {pid}}

    return find
