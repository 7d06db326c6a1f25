"""Elements of Slurm arrays: what they are asked for, what they do on a node, and how often they are put back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import submitit
from pydantic import Field

from wgbench.errors import WgbenchError
from wgbench.launch.base import Call, Registered, register
from wgbench.launch.job import Job
from wgbench.launch.local import Workers


@dataclass(frozen=True)
class Options:
    """What `--launcher-option` sets for Slurm."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    time: Annotated[float, Field(gt=0)] = 240  # minutes of an element, until it is put back into the queue
    signal: Annotated[int, Field(ge=1)] = 60  # seconds before that, at which it is told
    mem: str | None = None  # of an element, as 16GB
    cpus: Annotated[int, Field(ge=1)] | None = None  # of an element; as many as its cells have threads if left out
    gpus: Annotated[int, Field(ge=0)] | None = None  # of an element; one if the device is a GPU
    at_once: Annotated[int, Field(ge=1)] = 1  # cells that an element runs at the same time
    timeouts: Annotated[int, Field(ge=0)] = 100  # of an element, until it is given up
    extra: Mapping[str, Any] = field(default_factory=dict)  # further options of sbatch
    cluster: Literal["slurm", "local"] = "slurm"


@dataclass(frozen=True)
class Share:
    """The jobs of one element: what a node unpickles and calls. Called again after a time-out, it goes on."""

    jobs: tuple[Job, ...]
    registered: Registered
    at_once: int
    threads: int

    def __call__(self) -> list[tuple[str, WgbenchError]]:
        """Run them; the errors of those that had one, by their first cell."""
        problems: list[tuple[str, WgbenchError]] = []

        def follow(job: Job, problem: WgbenchError | None) -> Sequence[Call]:
            problems.extend([(job.cell.id, problem)] if problem is not None else [])
            return ()

        if self.at_once == 1:
            register(self.registered)
        with Workers(self.at_once, self.registered, self.threads) as workers:
            workers.run(self.jobs, lambda _: None, follow)
        return problems

    def checkpoint(self) -> Any:
        """What to call after a time-out: the same, since run folders have their own checkpoints."""
        return submitit.helpers.DelayedSubmission(self)


def executor(o: Options, folder: Path, device: str, threads: int, jobs: int | None) -> submitit.Executor:
    """What submits elements for a device, `jobs` of which run at once.

    The parameters are submitit's, and through it those of sbatch.
    """
    gpus = (1 if device.startswith("cuda") else 0) if o.gpus is None else o.gpus
    if o.cluster == "local":
        local = submitit.LocalExecutor(folder, max_num_timeout=o.timeouts)
        local.update_parameters(timeout_min=o.time, signal_delay_s=o.signal, gpus_per_node=gpus)
        return local
    given = {
        "partition": o.partition,
        "account": o.account,
        "qos": o.qos,
        "constraint": o.constraint,
        "mem": o.mem,
        "gpus_per_node": gpus or None,
        "array_parallelism": jobs,
        "additional_parameters": dict(o.extra) or None,
    }
    slurm = submitit.SlurmExecutor(folder, max_num_timeout=o.timeouts)
    slurm.update_parameters(
        job_name="wgbench",
        time=math.ceil(o.time),
        signal_delay_s=o.signal,
        cpus_per_task=o.cpus or threads * o.at_once,
        **{name: value for name, value in given.items() if value is not None},
    )
    return slurm
