"""A protocol run: cells to workers, finished runs to an entry. The one thing that every verb and the API call."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import wgbench
from wgbench import runs
from wgbench.disk import write_whole, writing
from wgbench.launch.job import Job
from wgbench.launch.local import Workers
from wgbench.request import Observer, Request

if TYPE_CHECKING:
    from wgbench.results.schema import Entry

KINDS = ("algorithms", "losses", "datasets", "backbones")


@dataclass(frozen=True)
class Result:
    """A finished request: its entry, and the folder that holds it."""

    entry: "Entry"
    folder: Path


def run(request: Request, observer: Observer | None = None) -> Result:
    """Run what is not finished yet, and write the entry. Interrupted at any moment, the same call goes on."""
    observer = observer or Observer()
    # Misspelt names and unusable folders are said at once, before anything heavy is imported.
    wgbench.algorithms.info(request.algorithm)
    wgbench.datasets.info(request.dataset)
    wgbench.backbones.info(request.backbone or "mlp")
    _usable(request.store)
    registered = {kind: getattr(wgbench, kind).registry.registered() for kind in KINDS}
    with Workers(request.jobs or _jobs(request.device), registered) as workers:
        settled = _searched(workers, request, observer) if request.tune else request
        jobs, advice = workers.call("wgbench.planning:jobs", settled)
        for line in advice:
            observer.say(line)
        _train(workers, jobs, observer)
        return Result(*workers.call("wgbench.conclusion:conclude", request))


def _searched(workers: Workers, request: Request, observer: Observer) -> Request:
    """Train every configuration of a search; the request with the best one's options."""
    _train(workers, workers.call("wgbench.tuning:jobs", request), observer)
    settled, tuning = workers.call("wgbench.tuning:settle", request)
    best = tuning.drawn[tuning.chosen]
    chosen = ", ".join(f"{name}={value}" for name, value in best.options.items())
    observer.say(f"{tuning.label} chose {chosen}, worst group {best.val:.1%} on val")
    return cast(Request, settled)


def _train(workers: Workers, jobs: list[Job], observer: Observer) -> None:
    """Run the jobs that are not done."""
    todo = [job for job in jobs if not _done(job)]
    observer.planned([job.cell for job in jobs], [job.cell for job in todo])
    workers.run(todo, observer.progress)


def _done(job: Job) -> bool:
    folder = runs.folder(job.store, job.cell)
    return runs.finished(folder) or (job.may_fail and runs.failed(folder))


def _jobs(device: str) -> int:
    """As many processes as there are cores for this one; one process where a GPU does the work."""
    if device.startswith("cuda"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _usable(store: Path) -> None:
    """Fail before any work if the store cannot be written."""
    with writing(store):
        store.mkdir(parents=True, exist_ok=True)
        write_whole(store / ".writable", b"x")
        (store / ".writable").unlink()
