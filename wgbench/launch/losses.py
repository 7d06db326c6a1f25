"""When to give up a job whose worker is lost again and again."""

from dataclasses import dataclass, field

from wgbench import runs
from wgbench.engine.sink import Moment
from wgbench.errors import WorkerDied
from wgbench.launch.base import AGAIN
from wgbench.launch.job import Job

PATIENCE = 3  # workers lost in a row with no new checkpoint between


@dataclass
class Losses:
    """Workers lost under way, by job: as long as a job gets further in between, it is tried again."""

    seen: dict[str, tuple[Moment, int]] = field(default_factory=dict)  # where a job stood, how often it was lost there

    def count(self, job: Job, why: str) -> None:
        """A worker was lost; WorkerDied if it was the last that this job is given."""
        at, (before, times) = checkpoint(job), self.seen.get(job.cell.id, ((0, 0), 0))
        times = times + 1 if at == before else 1
        self.seen[job.cell.id] = at, times
        if times >= PATIENCE:
            wrong = f"its worker was lost {times} times without its getting any further ({why})"
            raise WorkerDied(f"cell {job.cell.id}", wrong, AGAIN)


def checkpoint(job: Job) -> Moment:
    """The stage and epoch that a job would go on from, by the names of files in the driver's store."""
    path = runs.folder(job.store, job.cell)
    states = [runs.moment(file) for file in runs.states(path)]
    stages = [(int(file.stem.partition("-")[2]) + 1, 0) for file in path.glob("stage-*.safetensors")]
    return max([*states, *stages], default=(1, 0))
