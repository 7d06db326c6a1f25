"""Slurm, through submitit's executor for one machine: the bits of one process, time-outs, lost jobs, Ctrl-C."""

import os
import signal
import time
from itertools import pairwise

import pytest

from wgbench import checkpoints, datasets, runs
from wgbench.launch import work

submitit = pytest.importorskip("submitit")

from wgbench.launch.slurm import FOLDER, SlurmJobs  # noqa: E402 - submitit is there
from wgbench.launch.slurm_array import Options, executor  # noqa: E402


@pytest.fixture
def slurm():
    """A launcher of two elements at once, and what it says."""

    def make(**options):
        said = []
        registered = {"datasets": datasets.registry.registered()}
        return SlurmJobs(2, 1, registered, Options(cluster="local", **options), said.append), said

    return make


@pytest.fixture
def _nohup():
    """SIGINT is ignored here, and by processes that are started."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def logs(job):
    """Everything that elements said."""
    return "\n".join(path.read_text() for path in sorted((job.store / FOLDER).glob("*_log.*")))


def test_parameters_are_those_of_sbatch(tmp_path, monkeypatch):
    monkeypatch.setattr("submitit.SlurmExecutor.affinity", lambda _: 2)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    options = Options(partition="gpu", time=90.5, mem="16GB", at_once=3, timeouts=7, extra={"nice": 5})
    made = executor(options, tmp_path, "cuda", 2, 8)
    assert made.max_num_timeout == 7
    assert made.parameters == {
        "job_name": "wgbench",
        "partition": "gpu",
        "time": 91,
        "signal_delay_s": 60,
        "mem": "16GB",
        "gpus_per_node": 1,
        "cpus_per_task": 6,
        "array_parallelism": 8,
        "additional_parameters": {"nice": 5},
    }
    assert "gpus_per_node" not in executor(options, tmp_path, "cpu", 2, None).parameters


@pytest.mark.slow
def test_elements_get_the_bits_of_one_process(slurm, toy_cell, twins, outcome):
    cells = [toy_cell("gdro", seed=1), toy_cell("jtt", seed=2), toy_cell("erm", seed=3)]
    here, there = twins(cells)
    seen, ended, (launcher, said) = [], [], slurm()
    with launcher:
        launcher.run(there, seen.append, lambda one, problem: ended.append((one, problem)) or ())
    assert sorted(one.cell.id for one, _ in ended) == sorted(cell.id for cell in cells)
    assert not any(problem for _, problem in ended)
    assert {p.cell for p in seen} == {cell.id for cell in cells}
    for a, b in zip(here, there, strict=True):
        assert outcome(a) == outcome(b)
    assert not (there[0].store / FOLDER).exists(), "nothing stays of elements that ended well"
    assert not said


@pytest.mark.slow
def test_an_element_that_runs_out_of_time_is_put_back_and_goes_on(slurm, toy_cell, job, outcome, below, monkeypatch):
    cell = toy_cell("gdro", epochs=700)
    there, here = job(cell, "there"), job(cell, "here")
    seen, told, (launcher, said) = [], [], slurm(time=5)  # whatever is told so within ten minutes has timed out
    monkeypatch.setattr("wgbench.launch.slurm.LOOK", 0.1)
    monkeypatch.setattr("wgbench.launch.slurm._forget", lambda _: None)

    def time_out(progress):
        seen.append(progress.epoch)
        if len(told) < 2 and progress.epoch >= 150 * (len(told) + 1):
            told.extend(below(int(launcher.elements[0].handle.job_id)))
            os.kill(told[-1], signal.SIGUSR2)  # what Slurm sends ahead of the end of the time

    with launcher:
        launcher.run([there], time_out)
    assert len(set(told)) == 2
    notes = logs(there)
    assert (notes.count("Requeued job"), notes.count("Starting with JobEnvironment")) == (2, 3)
    assert "(98 remaining timeouts)" in notes
    assert not said, "it was put back, not lost"
    assert len(launcher.losses.seen) == 0
    back = [b for a, b in pairwise(seen) if b <= a]
    assert all(epoch > 100 for epoch in back), "from a checkpoint, not from the start"
    work.run(here)
    assert outcome(here) == outcome(there)


@pytest.mark.slow
def test_a_lost_element_is_submitted_again(slurm, toy_cell, job, outcome, below):
    cell = toy_cell("gdro", epochs=3000)
    there, here = job(cell, "there", checkpoint_every=0.5), job(cell, "here", checkpoint_every=1e9)
    launcher, said = slurm()
    killed = []

    def kill(progress):
        if not killed and progress.epoch >= 100:
            number = int(launcher.elements[0].handle.job_id)
            killed.extend([number, *below(number)])
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    with launcher:
        launcher.run([there], kill)
    assert killed
    assert [line.partition(" (")[0] for line in said] == [f"the worker of cell {cell.id} was lost"]
    work.run(here)
    assert outcome(here) == outcome(there)


@pytest.mark.slow
@pytest.mark.usefixtures("_nohup")
def test_ctrl_c_ends_elements(slurm, toy_cell, job, below):
    doomed = job(toy_cell(epochs=100_000), checkpoint_every=0.5)
    launcher, pids = slurm()[0], []

    def interrupt(_):
        number = int(launcher.elements[0].handle.job_id)
        pids.extend([number, *below(number)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), launcher:
        launcher.run([doomed], interrupt)
    until = time.monotonic() + 10
    while (left := below(os.getpid()).keys() & pids) and time.monotonic() < until:
        time.sleep(0.1)
    assert len(pids) >= 2
    assert not left
    assert checkpoints.moment(checkpoints.states(runs.folder(doomed.store, doomed.cell))[-1]) > (1, 0)
