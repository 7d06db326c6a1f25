"""Cells as Ray tasks, on this machine or a cluster: each brings its run home in parcels, no disk is shared.

A task whose worker, node or memory was lost is given out again, from the last checkpoint that came home.
"""

import contextlib
import math
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import ray
from pydantic import Field
from ray import exceptions

from wgbench import runs
from wgbench.errors import LaunchFailed, WgbenchError, WorkerDied
from wgbench.launch import node
from wgbench.launch.base import AGAIN, Call, Follow, Queue, Registered, Report, function, modules, pools
from wgbench.launch.environment import REVISION, revision
from wgbench.launch.job import Job
from wgbench.launch.losses import Losses, where
from wgbench.launch.ray_cluster import begin, check_connected, line
from wgbench.launch.shipping import outgoing, unpack

PAUSE = 0.5  # seconds until those that wait for another process' cells ask again
HOW: dict[type[Exception], str] = {
    exceptions.WorkerCrashedError: "its process was killed",
    exceptions.NodeDiedError: "its node is gone",
    exceptions.LocalRayletDiedError: "its node is gone",
    exceptions.OutOfMemoryError: "its node ran out of memory",
}


@dataclass(frozen=True)
class Options:
    """What `--launcher-option` sets for Ray."""

    address: str | None = None  # host:port of a cluster, or auto; one is started here if left out
    cells_per_gpu: Annotated[int, Field(ge=1)] = 1


@dataclass
class Flight:
    """A job that was given out; its run folders are locked as long as this holds `locks`."""

    job: Job
    locks: contextlib.ExitStack
    complete: bool = False
    problem: WgbenchError | None = None
    lost: str = ""  # how, if its worker was


class RayTasks:
    """Jobs as tasks, `jobs` at once: as many as there is room for if None."""

    def __init__(
        self, jobs: int | None, threads: int, registered: Registered, options: Options, say: Callable[[str], None]
    ) -> None:
        self.jobs, self.threads, self.registered, self.options, self.say = jobs, threads, registered, options, say
        self.flying: dict[Any, Flight] = {}  # by the stream of a task's parcels
        self.weights: dict[Path, Any] = {}  # files of initial weights that the cluster was given
        self.losses = Losses()
        self.address = options.address or os.environ.get("RAY_ADDRESS")
        self.ours = self.waiting = False

    def __enter__(self) -> Self:
        if not ray.is_initialized():
            self.ours = True
            begin(self.address, self.jobs and self.jobs * self.threads)
        self.task = ray.remote(num_returns="streaming", max_retries=0)(node.train)
        variables = {**pools(self.threads), **modules(), REVISION: revision() or ""}
        self.environment = ray.runtime_env.RuntimeEnv(env_vars=variables)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for stream, flight in self.flying.items():
            with contextlib.suppress(exceptions.RayError, ValueError):
                ray.cancel(stream, force=True)
            flight.locks.close()
        if self.ours:
            ray.shutdown()

    def device(self, asked: str) -> str:
        """GPUs if the cluster has any and nothing else is said; which one of them is Ray's to choose."""
        if asked == "auto":
            return "cuda" if ray.cluster_resources().get("GPU") else "cpu"
        return "cuda" if asked.startswith("cuda:") else asked

    def call(self, name: str, *arguments: Any) -> Any:
        """The result of a function, "module:name", in this process."""
        return function(name)(*arguments)

    def run(self, jobs: Sequence[Job | Call], report: Report, follow: Follow | None = None) -> None:
        """Run all jobs; see `Launcher.run`. A cell that another process runs is waited for, after the others."""
        queue = Queue(jobs, follow)
        while True:
            blocked = self._feed(queue)
            if not self.flying and not blocked:
                return
            if not self.flying:
                time.sleep(PAUSE)
                continue
            ready, _ = ray.wait(list(self.flying), num_returns=1, timeout=PAUSE)
            for stream in ready:
                self._receive(stream, queue, report)

    def _feed(self, queue: Queue) -> bool:
        """Give out what there is room for; whether something waits because another process is at it."""
        blocked: list[Job] = []
        while (job := queue.job()) is not None:
            if len(self.flying) >= self.room(job):
                queue.tasks.appendleft(job)
                break
            locks = _locked(job)
            if locks is None:
                blocked.append(job)
            else:
                self.flying[self._given_out(job)] = Flight(job, locks)
        queue.tasks.extend(blocked)
        return bool(blocked)

    def room(self, job: Job) -> int:
        """How many tasks to give out at once: `jobs`, or as many as the nodes of this moment can run."""
        needed = needs(job, self.threads, self.options.cells_per_gpu)
        nodes = [found["Resources"] for found in ray.nodes() if found["Alive"]]
        room = sum(min(int(found.get(name, 0) / amount + 1e-6) for name, amount in needed.items()) for found in nodes)
        if not room:
            check_connected()
            wrong = "no node has " + " and ".join(f"{amount:g} {name}" for name, amount in needed.items())
            if self.jobs is None or self.address is None:
                raise LaunchFailed("--launcher ray", wrong, "add one to the cluster, or take --device cpu")
            if not self.waiting:
                self.waiting = True
                self.say(f"{wrong}: cells wait until the cluster has grown")
        return self.jobs or room

    def _given_out(self, job: Job) -> Any:
        """Start a task; the stream of its parcels."""
        weights: Any = None
        if job.weights is not None:
            if job.weights not in self.weights:
                self.weights[job.weights] = ray.put(job.weights.read_bytes())
            weights = self.weights[job.weights]
        needed = needs(job, self.threads, self.options.cells_per_gpu)
        given = {"num_cpus": needed["CPU"], "num_gpus": needed.get("GPU", 0), "runtime_env": self.environment}
        task = self.task.options(**given)
        return task.remote(job, outgoing(job), weights, self.registered)

    def _receive(self, stream: Any, queue: Queue, report: Report) -> None:
        """Take in the next parcel of a task, or its end."""
        flight = self.flying[stream]
        try:
            parcel: node.Parcel = ray.get(next(stream))
        except StopIteration:
            self._landed(stream, queue)
        except exceptions.RayTaskError as problem:
            traceback.print_exception(problem.cause)
            flight.problem = WorkerDied(f"cell {flight.job.cell.id}", "its worker failed, as shown above", AGAIN)
            self._landed(stream, queue)
        except exceptions.RuntimeEnvSetupError as problem:
            remedy = "see the logs of that node, under /tmp/ray/session_latest/logs"
            raise LaunchFailed("--launcher ray", f"a node cannot prepare workers ({line(problem)})", remedy) from None
        except exceptions.RayError as problem:
            if isinstance(problem, exceptions.NodeDiedError | exceptions.LocalRayletDiedError):
                check_connected()
            flight.lost = next((how for kind, how in HOW.items() if isinstance(problem, kind)), line(problem))
            self._landed(stream, queue)
        else:
            for progress in parcel.progress:
                report(progress)
            for cell in flight.job.cells:
                if cell.id in parcel.files:
                    unpack(runs.folder(flight.job.store, cell), parcel.files[cell.id], complete=parcel.complete)
            flight.complete, flight.problem = parcel.complete, parcel.problem

    def _landed(self, stream: Any, queue: Queue) -> None:
        """A task has ended; where its worker was lost, the job is given out again."""
        flight = self.flying.pop(stream)
        flight.locks.close()
        job, problem = flight.job, flight.problem
        if problem is None and not flight.complete:
            why = flight.lost or "it ended without a word"
            try:
                again = self.losses.again(job, why)
            except WorkerDied as last:
                problem = last
            else:
                self.say(f"the worker of cell {job.cell.id} was lost ({why}): it is run again, {where(job)}")
                queue.tasks.appendleft(again)
                return
        queue.ended(job, problem)


def needs(job: Job, threads: int, cells_per_gpu: int) -> dict[str, float]:
    """What a task asks of its node."""
    share = math.floor(1e4 / cells_per_gpu) / 1e4  # Ray counts in such steps
    return {"CPU": threads, **({"GPU": share} if job.device.startswith("cuda") else {})}


class _Busy(Exception):
    """Another process is at it."""


def _locked(job: Job) -> contextlib.ExitStack | None:
    """The locks of a job's run folders; None if another process holds one of them."""

    def refuse() -> None:
        raise _Busy

    with contextlib.ExitStack() as held:
        for path, cell in sorted((runs.folder(job.store, cell), cell) for cell in job.cells):
            try:
                held.enter_context(runs.RunFolder(path, cell).locked(refuse))
            except _Busy:
                return None
        return held.pop_all()
