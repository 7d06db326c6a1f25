"""A job on a machine that shares no disk with the driver: trained in a scratch store, told of in parcels."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from wgbench import runs
from wgbench.config import Cell
from wgbench.errors import WgbenchError
from wgbench.launch.base import Registered, register
from wgbench.launch.job import Job, Progress
from wgbench.launch.shipping import Checkpoints, Files, Folders, pack, unpack

EVERY = 0.25  # seconds between parcels, at least


@dataclass(frozen=True)
class Parcel:
    """News of a job."""

    progress: tuple[Progress, ...] = ()
    files: Folders = field(default_factory=dict)
    complete: bool = False  # the job has ended, and these are all files that there are of it
    problem: WgbenchError | None = None  # the job has ended with this


def train(
    job: Job, folders: Sequence[tuple[Cell, Files]], weights: bytes | None, registered: Registered
) -> Iterator[Parcel]:
    """Train a job from what there is of its runs; `weights` is the content of the file of weights that it names.

    Training has a thread of its own, so that what it has to tell can be handed out meanwhile.
    """
    register(registered)
    with tempfile.TemporaryDirectory(prefix="wgbench-") as scratch:
        here = placed(job, Path(scratch), weights)
        for cell, files in folders:
            unpack(runs.folder(here.store, cell), files)
        checkpoints = Checkpoints(here)
        checkpoints.new()  # those came with the job
        news: News = SimpleQueue()
        Thread(target=_run, args=(here, news), daemon=True).start()
        end: End | None = None
        while end is None:
            progress, end = _gathered(news)
            yield Parcel(progress, {} if end else checkpoints.new())
        if isinstance(end.error, WgbenchError):
            yield Parcel(problem=end.error)
        elif end.error is not None:
            raise end.error
        else:
            yield Parcel(files={cell.id: pack(runs.folder(here.store, cell)) for cell in job.cells}, complete=True)


def placed(job: Job, scratch: Path, weights: bytes | None) -> Job:
    """A job as it can be run here: a node's own WGBENCH_CACHE and WGBENCH_DATA stand in for the driver's folders."""
    cache, data, file = job.cache, job.data, job.weights
    if os.environ.get("WGBENCH_CACHE"):
        cache = Path(os.environ["WGBENCH_CACHE"])
    if data is not None and not data.exists() and os.environ.get("WGBENCH_DATA"):
        data = Path(os.environ["WGBENCH_DATA"])
    if file is not None and weights is not None:
        file = scratch / file.name
        file.write_bytes(weights)
    return replace(job, store=scratch / "runs", cache=cache, data=data, weights=file)


@dataclass(frozen=True)
class End:
    """Training has ended, well or with an error."""

    error: Exception | None = None


News = SimpleQueue[Progress | End]


def _run(job: Job, news: News) -> None:
    from wgbench.launch import work

    try:
        work.run(job, news.put)
    except Exception as problem:  # handed on, whatever it is
        news.put(End(problem))
    else:
        news.put(End())


def _gathered(news: News) -> tuple[tuple[Progress, ...], End | None]:
    """What has happened for a while, or until the end."""
    until, found = time.monotonic() + EVERY, list[Progress]()
    while (left := until - time.monotonic()) > 0:
        try:
            one = news.get(timeout=left)
        except Empty:
            break
        if isinstance(one, End):
            return tuple(found), one
        found.append(one)
    return tuple(found), None
