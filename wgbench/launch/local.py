"""Cells in spawned processes on this machine, one thread each."""

import contextlib
import multiprocessing
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from wgbench import leaving
from wgbench.errors import WgbenchError, WorkerDied
from wgbench.launch.base import (
    AGAIN,
    Call,
    Follow,
    Registered,
    Report,
    called,
    exported,
    function,
    pools,
    register,
    stopping,
)
from wgbench.launch.job import Job


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

    def __init__(self, n: int, registered: Registered, threads: int = 1) -> None:
        self.n, self.registered, self.threads = n, registered, threads
        self.workers = [self._start()] if n > 1 else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self.workers:
            if worker.busy and leaving.asked():  # they save at the end of the epoch, and tell of it
                worker.process.terminate()
                continue
            worker.pipe.close()
            if worker.busy:  # the others leave when their pipe is closed
                worker.process.kill()
        for worker in self.workers:
            worker.process.join(timeout=None if leaving.asked() else 10)
            worker.pipe.close()

    def device(self, asked: str) -> str:
        """As asked: what `auto` comes to is found out on this machine."""
        return asked

    def call(self, name: str, *arguments: Any) -> Any:
        """The result of a function, "module:name", in the first process."""
        if not self.workers:
            return function(name)(*arguments)
        worker = self.workers[0]
        _send(worker, Call(name, arguments, lambda _: None))
        while True:
            kind, content = _received(worker)
            if kind == "done":
                return content
            if kind == "error":
                raise content

    def run(self, jobs: Sequence[Job | Call], report: Report, follow: Follow | None = None) -> None:
        """Run all jobs; see `Launcher.run`."""
        follow = follow or stopping
        queue: deque[Job | Call] = deque(jobs)
        if not self.workers:
            while queue:
                task = queue.popleft()
                kind, content = _outcome(task, report)
                _follow(task, kind, content, queue, follow)
            return
        self._feed(queue)
        for _ in range(min(self.n - len(self.workers), len(queue))):
            self.workers.append(self._start())
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
                    self.workers[self.workers.index(worker)] = self._start()
            self._feed(queue)

    def _start(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, self.registered), daemon=True)
        with exported(pools(self.threads)):
            process.start()
        theirs.close()
        return Worker(process, ours)

    def _feed(self, queue: "deque[Job | Call]") -> None:
        """Give what waits to the processes that are free."""
        for worker in self.workers:
            if queue and worker.task is None:
                _send(worker, queue.popleft())


def _outcome(task: Job | Call, report: Report) -> tuple[str, Any]:
    """What a task comes to in this process, as a worker would tell it."""
    from wgbench.launch import work

    if isinstance(task, Call):
        return "done", called(task)
    try:
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


def _work(pipe: Connection, registered: Registered) -> None:
    """A worker's life: calls in, events and results out, until the other end closes."""
    for name in ("SIGINT", "SIGUSR2"):  # they reach the driver too, which decides: Ctrl-C, and Slurm's time-outs
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    from wgbench.launch import work

    register(registered)
    # EOFError, ConnectionError: the driver is gone; what is on disk suffices to go on.
    with contextlib.suppress(EOFError, ConnectionError, leaving.Terminated), leaving.heeding(patient=True):
        while True:
            name, arguments = pipe.recv()
            try:
                result = None
                if name:
                    result = function(name)(*arguments)
                else:
                    work.run(arguments[0], lambda progress: pipe.send(("event", progress)))
                pipe.send(("done", result))
            except WgbenchError as problem:
                pipe.send(("error", problem))
