"""Jobs whose workers are lost: tried again as long as they get further."""

import pytest

from wgbench import runs
from wgbench.errors import WorkerDied
from wgbench.launch.losses import PATIENCE, Losses, checkpoint, where


@pytest.fixture
def lost(toy_cell, job):
    """A job, and how to pretend that it got to the end of an epoch."""
    one = job(toy_cell())
    folder = runs.folder(one.store, one.cell)
    folder.mkdir(parents=True)
    return one, lambda name: (folder / f"{name}.safetensors").touch()


def test_it_is_given_up_where_it_gets_no_further(lost):
    job, _ = lost
    losses = Losses()
    for _ in range(PATIENCE - 1):
        losses.again(job, "killed")
    with pytest.raises(WorkerDied, match=r"lost 5 times without its getting any further \(killed\); run the same"):
        losses.again(job, "killed")


def test_every_checkpoint_gives_it_another_chance(lost):
    job, reached = lost
    losses = Losses()
    for epoch in range(1, 20):
        for _ in range(PATIENCE - 1):
            losses.again(job, "killed")
        reached(f"state-1-{epoch}")


def test_jobs_are_counted_each(toy_cell, job):
    losses = Losses()
    for seed in range(2 * PATIENCE):
        losses.again(job(toy_cell(seed=seed)), "killed")


def test_where_a_job_goes_on(lost):
    job, reached = lost
    assert (checkpoint(job), where(job)) == ((1, 0), "afresh")
    for name in ("state-1-9", "state-1-10"):
        reached(name)
    assert (checkpoint(job), where(job)) == ((1, 10), "after epoch 10")
    reached("stage-1")
    assert (checkpoint(job), where(job)) == ((2, 0), "from stage 2 on")
    reached("state-2-3")
    assert (checkpoint(job), where(job)) == ((2, 3), "after epoch 3 of stage 2")


def test_what_was_lost_is_saved_more_often(toy_cell, job):
    losses, one, every = Losses(), job(toy_cell(), checkpoint_every=30.0), []
    for _ in range(PATIENCE - 1):
        one = losses.again(one, "killed")
        every.append(one.checkpoint_every)
    assert every == [7.5, 1.875, 1.0, 1.0]
    often = job(toy_cell(seed=2), checkpoint_every=0.5)
    assert losses.again(often, "killed") == often
