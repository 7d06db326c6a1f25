"""Jobs whose workers are lost: run again from their last checkpoint, until they get no further."""

from dataclasses import dataclass, field, replace

from wgbench import checkpoints, runs
from wgbench.engine.sink import Moment
from wgbench.errors import WorkerDied
from wgbench.launch.base import AGAIN
from wgbench.launch.job import Job

PATIENCE = 5  # workers lost in a row with no new checkpoint between
SOONER = 4  # times as often are checkpoints written after each loss
SOONEST = 1.0  # seconds between them then, at least


@dataclass
class Losses:
    """Workers lost under way, by job: as long as a job gets further in between, it is run again."""

    seen: dict[str, tuple[Moment, int]] = field(default_factory=dict)  # where a job stood, how often it was lost there

    def again(self, job: Job, why: str) -> Job:
        """A worker was lost: what to run now. WorkerDied if it was the last that this job is given."""
        at, (before, times) = checkpoint(job), self.seen.get(job.cell.id, ((0, 0), 0))
        times = times + 1 if at == before else 1
        self.seen[job.cell.id] = at, times
        if times >= PATIENCE:
            wrong = f"its worker was lost {times} times without its getting any further ({why})"
            raise WorkerDied(f"cell {job.cell.id}", wrong, AGAIN)
        every = max(job.checkpoint_every / SOONER, min(job.checkpoint_every, SOONEST))
        return replace(job, checkpoint_every=every)


def checkpoint(job: Job) -> Moment:
    """The stage and epoch that a job would go on from, by the names of files in the driver's store."""
    path = runs.folder(job.store, job.cell)
    states = [checkpoints.moment(file) for file in checkpoints.states(path)]
    stages = [(int(file.stem.partition("-")[2]) + 1, 0) for file in path.glob("stage-*.safetensors")]
    return max([*states, *stages], default=(1, 0))


def where(job: Job) -> str:
    """From where a job would go on, in words."""
    stage, epoch = checkpoint(job)
    if not epoch:
        return "afresh" if stage == 1 else f"from stage {stage} on"
    return f"after epoch {epoch}" + (f" of stage {stage}" if stage > 1 else "")
