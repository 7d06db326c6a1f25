"""Ray: the bits of one process, lost workers, two drivers, addresses that lead nowhere."""

import pytest

from wgbench import datasets, runs
from wgbench.launch import work

ray = pytest.importorskip("ray")

from wgbench.launch.ray import Options, RayTasks  # noqa: E402 - Ray is there


@pytest.fixture(scope="module")
def cluster():
    """One Ray for all tests of this file."""
    with RayTasks(2, 1, {"datasets": datasets.registry.registered()}, Options(), lambda _: None) as found:
        yield found


@pytest.fixture
def tasks(cluster):
    """A launcher on it, and what it says."""

    def make(jobs=2):
        said = []
        return RayTasks(jobs, 1, cluster.registered, Options(), said.append), said

    return make


def test_tasks_get_the_bits_of_one_process(tasks, toy_cell, job, outcome):
    cells = [toy_cell("gdro", seed=1), toy_cell("jtt", seed=2), toy_cell("erm", seed=3)]
    here, there = [job(cell, "here") for cell in cells], [job(cell, "there") for cell in cells]
    for one in here:
        work.run(one)
    seen, launcher = [], tasks()[0]
    with launcher:
        launcher.run(there, seen.append)
    assert {(p.cell, p.epoch) for p in seen} >= {(c.id, e) for c in cells for e in range(1, 25)}
    for a, b in zip(here, there, strict=True):
        assert outcome(a) == outcome(b)
        assert not list(runs.folder(b.store, b.cell).glob("*.safetensors")), "checkpoints go on completion"
