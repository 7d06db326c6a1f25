"""A protocol run: cells to workers, finished runs to an entry. The one thing that every verb and the API call."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import wgbench
from wgbench import runs
from wgbench.disk import write_whole, writing
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
        jobs, advice = workers.call("wgbench.planning:jobs", request)
        for line in advice:
            observer.say(line)
        todo = [job for job in jobs if not runs.finished(runs.folder(job.store, job.cell))]
        observer.planned([job.cell for job in jobs], [job.cell for job in todo])
        workers.run(todo, observer.progress)
        return Result(*workers.call("wgbench.conclusion:conclude", request))


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
