"""Cells in spawned processes on this machine, one thread each."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from wgbench.errors import WgbenchError, WorkerDied
from wgbench.launch.job import Job, Progress

Follow = Callable[
    [Job, WgbenchError | None], "Sequence[Call]"
]  # what a job that ended, well or with an error, leads to
Registered = Mapping[str, Mapping[str, str | type]]  # kind -> name -> target
Report = Callable[[Progress], None]
AGAIN = "run the same command again: it goes on where it was; with less memory, take a smaller --jobs"


@dataclass(frozen=True)
class Call:
    """A function to be called by the next process that is free, "module:name", and who wants its result or error."""

    function: str
    arguments: tuple[Any, ...]
    then: Callable[[Any], None]


@dataclass
class Worker:
    """A process, the pipe to it, and the name of what it is doing."""

    process: BaseProcess
    pipe: Connection
    task: Job | Call | None = None

    @property
    def busy(self) -> str:
        """What it is doing, in words; empty where it is free."""
        if self.task is None:
            return ""
        return f"cell {self.task.cell.id}" if isinstance(self.task, Job) else self.task.function


class Workers:
    """Up to `n` processes. With n = 1 everything happens in this one, else this one never needs torch.

    The first process starts at once and the others with the first jobs: importing torch in several processes at the
    same time takes the sum of their times, and the first epoch should not wait for that.
    """

    def __init__(self, n: int, registered: Registered) -> None:
        self.n, self.registered = n, registered
        self.workers = [_start(registered)] if n > 1 else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self.workers:
            worker.pipe.close()
            if worker.busy:  # the others leave when their pipe is closed
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(timeout=10)

    def call(self, function: str, *arguments: Any) -> Any:
        """The result of a function, "module:name", in the first process."""
        if not self.workers:
            return _function(function)(*arguments)
        worker = self.workers[0]
        _send(worker, Call(function, arguments, lambda _: None))
        while True:
            kind, content = _received(worker)
            if kind == "done":
                return content
            if kind == "error":
                raise content

    def run(self, jobs: Sequence[Job | Call], report: Report, follow: Follow | None = None) -> None:
        """Run all jobs, the first ones first. The first error stops the others; what they have done is kept.

        `follow` is told of each job that ended, and of its error if it had one, instead: the calls that it returns go
        before what waits, and what it raises stops everything.
        """
        follow = follow or _stopping
        queue: deque[Job | Call] = deque(jobs)
        if not self.workers:
            while queue:
                task = queue.popleft()
                kind, content = _outcome(task, report)
                _follow(task, kind, content, queue, follow)
            return
        self._feed(queue)
        for _ in range(min(self.n - len(self.workers), len(queue))):
            self.workers.append(_start(self.registered))
        self._feed(queue)
        while busy := [w for w in self.workers if w.task]:
            for pipe in wait([w.pipe for w in busy]):
                worker = next(w for w in busy if w.pipe is pipe)
                doing = worker.task
                kind, content = _received(worker)
                if kind == "event":
                    report(content)
                    continue
                if doing is not None:
                    _follow(doing, kind, content, queue, follow)
                if isinstance(content, WorkerDied):
                    self.workers[self.workers.index(worker)] = _start(self.registered)
            self._feed(queue)

    def _feed(self, queue: "deque[Job | Call]") -> None:
        """Give what waits to the processes that are free."""
        for worker in self.workers:
            if queue and worker.task is None:
                _send(worker, queue.popleft())


def _stopping(job: Job, problem: WgbenchError | None) -> Sequence[Call]:  # noqa: ARG001
    """Errors end everything, and nothing follows from success."""
    if problem is not None:
        raise problem
    return ()


def _outcome(task: Job | Call, report: Report) -> tuple[str, Any]:
    """What a task comes to in this process, as a worker would tell it."""
    from wgbench.launch import work

    try:
        if isinstance(task, Call):
            return "done", _function(task.function)(*task.arguments)
        work.run(task, report)
    except WgbenchError as problem:
        return "error", problem
    return "done", None


def _follow(task: Job | Call, kind: str, content: Any, queue: "deque[Job | Call]", follow: Follow) -> None:
    """Hand on the outcome of a task; what it leads to is done next."""
    if isinstance(task, Call):
        task.then(content)
        return
    queue.extendleft(reversed(follow(task, content if kind == "error" else None)))


def _received(worker: Worker) -> tuple[str, Any]:
    try:
        kind, content = worker.pipe.recv()
    except (EOFError, ConnectionError):
        worker.process.join(timeout=10)
        code = worker.process.exitcode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        why = "perhaps for lack of memory" if code == -9 else "the error above is its own"
        kind, content = "error", WorkerDied(worker.busy, f"its worker process ended ({how}), {why}", AGAIN)
    if kind != "event":
        worker.task = None
    return kind, content


def _send(worker: Worker, task: Job | Call) -> None:
    """Give a worker a function to call, or a job to run."""
    worker.task = task
    worker.pipe.send((task.function, task.arguments) if isinstance(task, Call) else ("", (task,)))


def _start(registered: Registered) -> Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, registered), daemon=True)
    # Thread pools of numerical libraries read this when they load; one thread per cell.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = before or "1"
    try:
        process.start()
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
    theirs.close()
    return Worker(process, ours)


def _work(pipe: Connection, registered: Registered) -> None:
    """A worker's life: calls in, events and results out, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which decides
    import wgbench
    from wgbench.launch import work

    for kind, targets in registered.items():
        for name, target in targets.items():
            getattr(wgbench, kind).register(name, target)
    try:
        while True:
            function, arguments = pipe.recv()
            try:
                result = None
                if function:
                    result = _function(function)(*arguments)
                else:
                    work.run(arguments[0], lambda progress: pipe.send(("event", progress)))
                pipe.send(("done", result))
            except WgbenchError as problem:
                pipe.send(("error", problem))
    except (EOFError, ConnectionError):
        pass  # the driver is gone: what is on disk suffices to go on


def _function(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), attribute)
    return function
