"""What takes room in a store, and what of it is left over: of runs that are over, of writers that were killed.

Nothing that a finished run consists of is ever left over, nor what an interrupted one goes on from, unless it was not
touched for so long that it counts as abandoned. A run that some process holds is let alone.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from filelock import FileLock, Timeout

from wgbench import runs
from wgbench.disk import writing

ID = re.compile(r"[0-9a-f]{16}")
HALF_WRITTEN = re.compile(r"\..+\.\d+")  # as `disk.write_whole` names what it will rename
WRITING = 3600.0  # seconds for which such a file may still be somebody's
DAY = 86400.0
LOCK = "lock"
RECORDS = (runs.CELL, runs.RESULT, runs.FAILED, LOCK)
KINDS = {runs.CURVES: "curves", runs.PREDICTIONS: "predictions", **dict.fromkeys(RECORDS, "records")}
ABANDONED = "abandoned runs"


@dataclass(frozen=True)
class File:
    """A file of a store: what it is, how large, and whether it is left over; `run` is the folder of its run."""

    path: Path
    size: int
    kind: str
    left_over: bool
    run: Path | None = None


def look(store: Path, *, days: float | None = None, networks: bool = False, now: float | None = None) -> Iterator[File]:
    """All files of a store. Unfinished runs untouched for so many `days` are left over; so are kept `networks`."""
    now = time.time() if now is None else now
    for folder in _folders(store):
        if folder.name == "entries" and folder.parent == store:
            yield from (File(p, s, "entries", _half_written(p, t, now)) for p, s, t in _files(folder, deep=True))
        elif len(folder.relative_to(store).parts) == 4 and ID.fullmatch(folder.name):
            yield from _run(folder, days, networks, now)
        else:
            yield from (_other(store, p, s, t, now) for p, s, t in _files(folder))


def remove(files: Iterable[File]) -> tuple[int, int]:
    """Remove what is left over, but in runs that a process holds; how many files, and how many bytes."""
    count = size = 0
    for run, some in groupby((file for file in files if file.left_over), lambda file: file.run):
        with _held(run) as ours:
            for file in some if ours else ():
                with writing(file.path, "then clean again"), contextlib.suppress(FileNotFoundError):
                    file.path.unlink()
                    count, size = count + 1, size + file.size
                    if file.kind == ABANDONED:
                        _without(file.path.parent)
    return count, size


def _without(run: Path) -> None:
    """Remove the folder of a run if nothing but its lock is left."""
    if {path.name for path in run.iterdir()} <= {LOCK}:
        (run / LOCK).unlink(missing_ok=True)
        run.rmdir()


def _run(folder: Path, days: float | None, networks: bool, now: float) -> Iterator[File]:
    """The files of a run."""
    files = list(_files(folder))
    over = runs.finished(folder) or runs.failed(folder)
    newest = max((changed for *_, changed in files), default=now)
    if not over and days is not None and now - newest > days * DAY:
        yield from (File(path, size, ABANDONED, True, folder) for path, size, _ in files)
        return
    for path, size, changed in files:
        if path.name.startswith("state-") and path.suffix == ".safetensors":
            yield File(path, size, f"checkpoints of runs that {'are over' if over else 'go on'}", over, folder)
        elif path.name.startswith("stage-") and path.suffix == ".safetensors":
            yield File(path, size, "networks that were kept" if over else "ends of stages", over and networks, folder)
        elif _half_written(path, changed, now):
            yield File(path, size, "half written files", True, folder)
        else:
            yield File(path, size, KINDS.get(path.name, "other files"), False, folder)


def _other(store: Path, path: Path, size: int, changed: float, now: float) -> File:
    """A file that belongs to no run."""
    if path.parent == store / "plans":
        return File(path, size, "plans of an earlier version", True)
    if _half_written(path, changed, now):
        return File(path, size, "half written files", True)
    return File(path, size, "index" if path.name.startswith("index.sqlite") else "other files", False)


def _half_written(path: Path, changed: float, now: float) -> bool:
    return bool(HALF_WRITTEN.fullmatch(path.name)) and now - changed > WRITING


def _folders(store: Path) -> Iterator[Path]:
    """A store's folder and those below it, but for what lies below entries and runs; links are not followed."""
    yield store
    with contextlib.suppress(FileNotFoundError), os.scandir(store) as found:
        names = sorted(entry.name for entry in found if entry.is_dir(follow_symlinks=False))
    for name in names:
        yield from _below(store / name, 1)


def _below(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth == 4 or (depth == 1 and folder.name == "entries"):
        return
    with os.scandir(folder) as found:
        names = sorted(entry.name for entry in found if entry.is_dir(follow_symlinks=False))
    for name in names:
        yield from _below(folder / name, depth + 1)


def _files(folder: Path, *, deep: bool = False) -> Iterator[tuple[Path, int, float]]:
    """Path, size and time of last change of files in a folder, and of those below it."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):  # gone in the meantime
            if entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield Path(entry.path), status.st_size, status.st_mtime
            elif deep and entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), deep=True)


@contextlib.contextmanager
def _held(run: Path | None) -> Iterator[bool]:
    """Hold a run's folder while something in it is removed; False where another process does."""
    if run is None:
        yield True
        return
    lock = FileLock(run / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
