"""Cells in spawned processes on this machine, one thread each."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from wgbench.errors import WgbenchError, WorkerDied

Registered = Mapping[str, Mapping[str, str | type]]  # kind -> name -> target
Event = Callable[[Any], None]


@dataclass
class Worker:
    """A process, the pipe to it, and the job that it has."""

    process: BaseProcess
    pipe: Connection
    job: Any = None


class Workers:
    """`n` processes that wait for jobs. They start at once, and import what they need while the caller plans.

    With n = 1 jobs run in this process.
    """

    def __init__(self, n: int, registered: Registered) -> None:
        self.workers = [_start(registered) for _ in range(n)] if n > 1 else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self.workers:
            worker.pipe.close()
            if kind is not None or worker.job is not None:
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(timeout=10)

    def run(self, jobs: Sequence[Any], on_event: Event) -> None:
        """Run all jobs, the first ones first. The first error stops the others; what they have done is kept."""
        if not self.workers:
            from wgbench.launch import work

            for job in jobs:
                work.run(job, on_event)
            return
        queue = list(jobs)
        for worker in self.workers:
            _next(worker, queue)
        while busy := [w for w in self.workers if w.job is not None]:
            for pipe in wait([w.pipe for w in busy]):
                worker = next(w for w in busy if w.pipe is pipe)
                kind, content = _received(worker)
                if kind == "event":
                    on_event(content)
                elif kind == "error":
                    raise content
                else:
                    worker.job = None
                    _next(worker, queue)


def _received(worker: Worker) -> tuple[str, Any]:
    try:
        kind, content = worker.pipe.recv()
    except (EOFError, ConnectionError):
        worker.process.join(timeout=10)
        code = worker.process.exitcode
        how = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
        worker_died = WorkerDied(
            f"cell {worker.job.cell.id}",
            f"its worker process ended ({how}), perhaps for lack of memory",
            "run the same command again: it goes on where it was; with less memory, take a smaller --jobs",
        )
        return "error", worker_died
    return kind, content


def _next(worker: Worker, queue: list[Any]) -> None:
    if queue:
        worker.job = queue.pop(0)
        worker.pipe.send(worker.job)


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
    """A worker's life: jobs in, events out, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which decides
    import wgbench
    from wgbench.launch import work

    for kind, targets in registered.items():
        for name, target in targets.items():
            getattr(wgbench, kind).register(name, target)
    try:
        while True:
            job = pipe.recv()
            try:
                work.run(job, lambda progress: pipe.send(("event", progress)))
                pipe.send(("done", None))
            except WgbenchError as problem:
                pipe.send(("error", problem))
    except (EOFError, ConnectionError):
        pass  # the driver is gone: what is on disk suffices to go on
