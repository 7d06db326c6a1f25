"""Workers: jobs in, events and errors out, and what happens when one is killed."""

import os
import signal

import pytest

from wgbench import datasets, runs
from wgbench.errors import BadData, WorkerDied
from wgbench.launch import work
from wgbench.launch.local import Call, Workers


@pytest.fixture(scope="module")
def registered():
    return {"datasets": datasets.registry.registered()}


def test_two_workers_share_the_cells_and_get_the_bits_of_one_process(registered, toy_cell, job):
    cells = [toy_cell("gdro", seed=s) for s in (1, 2, 3)]
    for cell in cells:
        work.run(job(cell, "here"))
    seen = []
    with Workers(2, registered) as workers:
        workers.run([job(cell, "there") for cell in cells], seen.append)
    assert {(p.cell, p.epoch) for p in seen} == {(c.id, e) for c in cells for e in range(1, 25)}
    for cell in cells:
        a, b = (runs.read_json(runs.folder(job(cell, s).store, cell) / runs.RESULT) for s in ("here", "there"))
        assert a["model"] == b["model"]


def test_an_error_in_a_worker_arrives_whole(registered, toy_cell, job, cache):
    from wgbench.config import Plugin

    digits = Plugin(name="colored-digits", version=1, options={})
    (cache / "colored-digits").mkdir(exist_ok=True)
    kept = cache / "colored-digits" / "digits.u8"
    before = kept.read_bytes() if kept.exists() else None
    kept.write_bytes(b"damaged")
    try:
        with Workers(2, registered) as workers, pytest.raises(BadData, match=f"delete {kept}"):
            workers.run([job(toy_cell(), dataset=digits)], lambda _: None)
    finally:
        kept.unlink() if before is None else kept.write_bytes(before)


def test_a_killed_worker_is_named_and_the_next_call_goes_on(registered, toy_cell, job):
    doomed = job(toy_cell(epochs=400))

    def kill(progress):
        if progress.epoch == 20:
            os.kill(workers.workers[0].process.pid, signal.SIGKILL)

    with Workers(2, registered) as workers, pytest.raises(WorkerDied, match=r"SIGKILL.*run the same command again"):
        workers.run([doomed], kill)
    assert all(not w.process.is_alive() for w in workers.workers)
    seen = []
    work.run(doomed, lambda p: seen.append(p.epoch))
    assert 15 < seen[0] < 400  # from its checkpoint
    assert runs.finished(runs.folder(doomed.store, doomed.cell))


def test_who_follows_errors_goes_on_without_the_killed_process(registered, toy_cell, job):
    doomed, other = job(toy_cell(epochs=400)), job(toy_cell("gdro"))
    ended, told = {}, []

    def kill(progress):
        if (progress.cell, progress.epoch) == (doomed.cell.id, 20):
            os.kill(next(w for w in workers.workers if w.task is doomed).process.pid, signal.SIGKILL)

    def follow(one, problem):
        ended[one.cell.id] = problem
        return [Call("os:getpid", (), told.append)] if problem else []

    with Workers(2, registered) as workers:
        workers.run([doomed, other], kill, follow)
    assert isinstance(ended[doomed.cell.id], WorkerDied)
    assert ended[other.cell.id] is None
    assert runs.finished(runs.folder(other.store, other.cell))
    assert told != [os.getpid()], "a call is made in one of the processes that are left, or in a new one"
    assert isinstance(told[0], int)
