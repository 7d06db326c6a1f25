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
    from wgbench.planning import Plan
    from wgbench.results.entry import Baseline
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
    # Workers take seconds to import torch: they start before this process does the same.
    with Workers(request.jobs or _jobs(request.device), registered) as workers:
        from wgbench.planning import plan

        made = plan(request, observer)
        cells = [*made.subject.cells(), *(cell for subject in made.baselines[-1:] for cell in subject.cells())]
        todo = [cell for cell in cells if not runs.finished(runs.folder(request.store, cell))]
        observer.planned(cells, todo)
        workers.run([made.job(cell) for cell in todo], observer.progress)
    return _conclude(made)


def _conclude(made: "Plan") -> Result:
    """Read the runs back and write the entry, after ERM's."""
    from wgbench.results.entry import build, read_run, write

    store = made.request.store
    found = [read_run(store, cell) for cell in made.subject.cells()]
    entry, files = build(made.subject, found, made.described(made.subject), made.target(), _baseline(made))
    return Result(entry, write(store, entry, files))


def _baseline(made: "Plan") -> "Baseline | None":
    """ERM's entry: the one with the full grid if it is in the store, else one of weight decay 0, written now."""
    from wgbench.results.entry import baseline_of, build, read_run, write
    from wgbench.results.schema import ENTRY

    if not made.baselines:
        return None
    store, (full, plain) = made.request.store, made.baselines
    found = [read_run(store, cell) for cell in plain.cells()]
    if (store / "entries" / full.digest() / ENTRY).is_file():
        return baseline_of(full.digest(), found, plain.protocol)
    entry, files = build(plain, found, made.described(plain), made.target(), None)
    write(store, entry, files)
    return baseline_of(entry.id, found, plain.protocol)


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
