"""Ctrl-C stops the processes that were started, and leaves what the next call goes on from."""

import pytest

from wgbench import checkpoints, datasets, runs
from wgbench.launch.local import Workers


def test_it_stops_workers_and_keeps_what_they_saved(toy_cell, job):
    doomed = job(toy_cell(epochs=100_000))

    def interrupt(progress):
        if progress.epoch > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Workers(2, {"datasets": datasets.registry.registered()}) as workers:
        workers.run([doomed], interrupt)
    assert all(not worker.process.is_alive() for worker in workers.workers)
    folder = runs.folder(doomed.store, doomed.cell)
    assert checkpoints.states(folder)
    assert not runs.finished(folder)
