"""Ray: the bits of one process, what tasks ask for, lost workers, two drivers, addresses that lead nowhere."""

import contextlib
import os
import signal
import socket
import time
from itertools import pairwise

import pytest

from wgbench import datasets, runs
from wgbench.errors import BadOption, LaunchFailed, WorkerDied
from wgbench.launch import work

ray = pytest.importorskip("ray")

from wgbench.launch.ray import Options, RayTasks, needs  # noqa: E402 - Ray is there
from wgbench.launch.ray_cluster import begin  # noqa: E402


@pytest.mark.parametrize(
    ("device", "threads", "cells_per_gpu", "expected"),
    [
        ("cpu", 1, 4, {"CPU": 1}),
        ("cpu", 3, 1, {"CPU": 3}),
        ("cuda", 1, 1, {"CPU": 1, "GPU": 1}),
        ("cuda:1", 2, 4, {"CPU": 2, "GPU": 0.25}),
        ("cuda", 1, 3, {"CPU": 1, "GPU": 0.3333}),  # three of them fit, and Ray counts in steps of 1e-4
    ],
)
def test_what_a_task_asks_for(toy_cell, job, device, threads, cells_per_gpu, expected):
    assert needs(job(toy_cell(), device=device), threads, cells_per_gpu) == expected


def test_as_many_tasks_as_there_is_room_for(toy_cell, job, monkeypatch):
    def node(alive=True, **resources):
        return {"Alive": alive, "Resources": resources}

    found = [node(CPU=8.0, GPU=1.0), node(CPU=2.0, GPU=2.0), node(CPU=64.0), node(alive=False, CPU=8.0, GPU=8.0)]
    monkeypatch.setattr(ray, "nodes", lambda: found)
    launcher = RayTasks(None, 1, {}, Options(cells_per_gpu=3), lambda _: None)
    assert launcher.room(job(toy_cell(), device="cuda")) == 3 + 2
    assert launcher.room(job(toy_cell())) == 8 + 2 + 64
    assert RayTasks(7, 1, {}, Options(), lambda _: None).room(job(toy_cell())) == 7
    found[:] = [node(CPU=8.0)]
    said = []
    growing = RayTasks(7, 1, {}, Options(address="10.0.0.7:6379"), said.append)
    assert [growing.room(job(toy_cell(), device="cuda")) for _ in range(2)] == [7, 7]
    assert said == ["no node has 1 CPU and 1 GPU: cells wait until the cluster has grown"]
    with pytest.raises(LaunchFailed, match="no node has 1 CPU and 1 GPU"):
        RayTasks(7, 1, {}, Options(), said.append).room(job(toy_cell(), device="cuda"))
    with pytest.raises(LaunchFailed, match=r"no node has 1 CPU and 0\.3333 GPU; add one to the cluster"):
        launcher.room(job(toy_cell(), device="cuda"))


@pytest.mark.parametrize("address", ["nowhere", "ray://host:10001", "host:port", ":6379"])
def test_what_is_no_address(address):
    with pytest.raises(BadOption, match=f"--ray-address {address}: not the address of a cluster; write HOST:PORT"):
        begin(address, None)


def test_where_nothing_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(LaunchFailed, match=f"--ray-address {address}: nothing answers there .*`ray status`"):
        begin(address, None)


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


def training(below):
    """Processes of Ray's that train."""
    return [pid for pid, name in below(os.getpid()).items() if name.startswith("ray::train")]


@pytest.mark.slow
def test_tasks_get_the_bits_of_one_process(tasks, toy_cell, twins, outcome):
    cells = [toy_cell("gdro", seed=1), toy_cell("jtt", seed=2), toy_cell("erm", seed=3)]
    here, there = twins(cells)
    seen, launcher = [], tasks()[0]
    with launcher:
        launcher.run(there, seen.append)
    assert {(p.cell, p.epoch) for p in seen} >= {(c.id, e) for c in cells for e in range(1, 25)}
    for a, b in zip(here, there, strict=True):
        assert outcome(a) == outcome(b)
        assert not list(runs.folder(b.store, b.cell).glob("*.safetensors")), "checkpoints go on completion"


@pytest.mark.slow
def test_a_lost_worker_is_replaced_and_the_cell_goes_on(tasks, toy_cell, job, outcome, below):
    cell = toy_cell("gdro", epochs=600)
    there, here = job(cell, "there"), job(cell, "here")
    seen, killed, (launcher, said) = [], [], tasks()

    def kill(progress):
        seen.append(progress.epoch)
        if progress.epoch >= 150 * (len(killed) + 1) and len(killed) < 2:
            killed.extend(training(below))
            os.kill(killed[-1], signal.SIGKILL)

    with launcher:
        launcher.run([there], kill)
    assert len(killed) == 2
    assert [line.partition(" (")[0] for line in said] == [f"the worker of cell {cell.id} was lost"] * 2
    back = [b for a, b in pairwise(seen) if b <= a]
    assert min(back, default=150) > 25, "from a checkpoint, not from the start"
    assert all("it is run again, after epoch " in line for line in said)
    work.run(here)
    assert outcome(here) == outcome(there)


@pytest.mark.slow
def test_a_worker_that_never_gets_anywhere_is_given_up(tasks, toy_cell, job, below):
    doomed, other = job(toy_cell(epochs=100_000), checkpoint_every=1e9), job(toy_cell("iw"))
    ended, (launcher, said) = {}, tasks(1)

    def kill(progress):
        if progress.cell == doomed.cell.id:
            for pid in training(below):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    with launcher:
        launcher.run([doomed, other], kill, lambda one, problem: ended.update({one.cell.id: problem}) or ())
    assert isinstance(ended[doomed.cell.id], WorkerDied)
    assert "lost 5 times without its getting any further" in str(ended[doomed.cell.id])
    assert ended[other.cell.id] is None
    assert len(said) == 4


@pytest.mark.slow
def test_cells_that_another_driver_trains_are_waited_for(tasks, ends_beside_another_driver):
    launcher, _ = tasks()
    assert ends_beside_another_driver(launcher) == [2, 1]


@pytest.mark.slow
def test_ctrl_c_stops_what_is_trained_and_frees_its_folder(tasks, toy_cell, job, below):
    doomed, (launcher, _) = job(toy_cell(epochs=100_000)), tasks()

    def interrupt(progress):
        if progress.epoch > 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), launcher:
        launcher.run([doomed], interrupt)
    until = time.monotonic() + 10
    while training(below) and time.monotonic() < until:
        time.sleep(0.1)
    assert not training(below)
    with runs.RunFolder(runs.folder(doomed.store, doomed.cell), doomed.cell).locked(pytest.fail):
        assert list(runs.folder(doomed.store, doomed.cell).glob("state-*"))
