"""What every launcher is: jobs in, progress and outcomes back. No torch here, nor anything that an extra brings."""

import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self

from wgbench.errors import WgbenchError
from wgbench.launch.job import Job, Progress

Follow = Callable[
    [Job, WgbenchError | None], "Sequence[Call]"
]  # what a job that ended, well or with an error, leads to
Registered = Mapping[str, Mapping[str, str | type]]  # kind -> name -> target
Report = Callable[[Progress], None]
AGAIN = "run the same command again: it goes on where it was; with less memory, take a smaller --jobs"


@dataclass(frozen=True)
class Call:
    """A function to be called on the driver's machine, "module:name", and who wants its result or error."""

    function: str
    arguments: tuple[Any, ...]
    then: Callable[[Any], None]


class Launcher(Protocol):
    """Where jobs are run. Entered, it has what it needs to begin; left, for whatever reason, nothing of it runs on."""

    def __enter__(self) -> Self:
        """Reach or start what jobs are run on; LaunchFailed says what stands in the way."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop everything that was started."""

    def device(self, asked: str) -> str:
        """The device of jobs, from what `--device` says; `auto` where the driver's machine is the one that counts."""

    def call(self, function: str, *arguments: Any) -> Any:
        """The result of a function, "module:name", called on the driver's machine."""

    def run(self, jobs: Sequence[Job | Call], report: Report, follow: Follow | None = None) -> None:
        """Run all jobs, the first ones first. The first error stops the others; what they have done is kept.

        `follow` is told of each job that ended, and of its error if it had one, instead: the calls that it returns go
        before what waits, and what it raises stops everything.
        """


class Queue:
    """Tasks that wait, for a driver whose jobs are run elsewhere: calls are made here, when their turn comes."""

    def __init__(self, tasks: Sequence[Job | Call], follow: Follow | None) -> None:
        self.tasks: deque[Job | Call] = deque(tasks)
        self.follow = follow or stopping

    def job(self) -> Job | None:
        """The next job, after the calls before it; None where nothing waits."""
        while self.tasks:
            task = self.tasks.popleft()
            if isinstance(task, Job):
                return task
            task.then(called(task))
        return None

    def ended(self, job: Job, problem: WgbenchError | None = None) -> None:
        """A job has ended; what it leads to is done next."""
        self.tasks.extendleft(reversed(self.follow(job, problem)))


def stopping(job: Job, problem: WgbenchError | None) -> Sequence[Call]:  # noqa: ARG001
    """Errors end everything, and nothing follows from success."""
    if problem is not None:
        raise problem
    return ()


def called(call: Call) -> Any:
    """The result of a call, or its error."""
    try:
        return function(call.function)(*call.arguments)
    except WgbenchError as problem:
        return problem


def function(name: str) -> Callable[..., Any]:
    """What "module:name" stands for."""
    module, _, attribute = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found


def register(registered: Registered) -> None:
    """Add plug-ins that another process registered by hand."""
    import wgbench

    for kind, targets in registered.items():
        for name, target in targets.items():
            getattr(wgbench, kind).register(name, target)


def pools(threads: int) -> dict[str, str]:
    """The environment variable that thread pools of numerical libraries read when they load; the user's wins."""
    return {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(threads)}


def cores() -> int:
    """How many cores there are for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def modules() -> dict[str, str]:
    """The environment variable with which another Python finds this process' modules."""
    return {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)}


@contextlib.contextmanager
def exported(given: Mapping[str, str]) -> Iterator[None]:
    """Variables in the environment of processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
