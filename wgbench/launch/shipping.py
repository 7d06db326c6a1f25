"""Run folders as bytes, for workers that share no disk with the driver: its store is the one that counts.

A job goes out with what there is of its runs, checkpoints come back as they are made, and at the end everything.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wgbench import checkpoints, runs
from wgbench.config import Cell
from wgbench.disk import write_whole, writing
from wgbench.launch.job import Job

Files = Mapping[str, bytes]  # of one run folder, by name
Folders = Mapping[str, Files]  # by cell

CHECKPOINT = re.compile(r"(state-\d+-\d+|stage-\d+)\.safetensors")
WHOLE = (runs.CELL, runs.CURVES, runs.PREDICTIONS)
LAST = (runs.RESULT, runs.FAILED)  # their presence says that the others are there


def pack(path: Path, names: Iterable[str] | None = None) -> dict[str, bytes]:
    """What there is of a run, or those files of it; checkpoints come first, so that the curves reach as far as they."""
    found = {}
    for name in sorted(filter(_known, names or _names(path)), key=lambda name: CHECKPOINT.fullmatch(name) is None):
        try:
            found[name] = (path / name).read_bytes()
        except FileNotFoundError:  # let go of meanwhile, for a newer one
            continue
    return found


def unpack(path: Path, files: Files, *, complete: bool = False) -> None:
    """Write files of a run, what says that it is done last; checkpoints that a complete run does not have go."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        for name in sorted(filter(_known, files), key=lambda name: (name in LAST, CHECKPOINT.fullmatch(name) is None)):
            write_whole(path / name, files[name])
        gone = [file for file in path.glob("*.safetensors") if file.name not in files] if complete else []
        for file in [*gone, *([] if complete else checkpoints.states(path)[: -runs.KEPT])]:
            file.unlink()


def outgoing(job: Job) -> list[tuple[Cell, Files]]:
    """What a worker needs to go on with a job: its runs, and of those that ended in their company what says so."""
    beside = [(cell, pack(runs.folder(job.store, cell), (runs.CELL, runs.RESULT))) for cell in company(job)]
    return [*((cell, pack(runs.folder(job.store, cell))) for cell in job.cells), *beside]


def company(job: Job) -> list[Cell]:
    """Cells that earlier attempts trained together with those of a job."""
    begun = (runs.group(runs.folder(job.store, cell)) for cell in job.cells)
    beside = {cell.id: cell for group in begun for cell in (job.cell.beside(*one) for one in group or ())}
    return [cell for cell in beside.values() if cell.id not in {own.id for own in job.cells}]


@dataclass
class Checkpoints:
    """Those of a job's run folders that were not sent yet."""

    job: Job
    sent: set[tuple[str, str, int]] = field(default_factory=set)  # cell, name, time of writing

    def new(self) -> dict[str, dict[str, bytes]]:
        """Run folders with new checkpoints: these, and the curves that lead up to them."""
        return {cell.id: files for cell in self.job.cells if (files := self._new(cell))}

    def _new(self, cell: Cell) -> dict[str, bytes]:
        path = runs.folder(self.job.store, cell)
        there = {(cell.id, name, written) for name, written in _written(path)} - self.sent
        self.sent |= there
        return pack(path, [*(name for _, name, _ in there), runs.CELL, runs.CURVES]) if there else {}


def _names(path: Path) -> list[str]:
    return [file.name for file in path.iterdir()] if path.is_dir() else []


def _known(name: str) -> bool:
    return name in WHOLE or name in LAST or CHECKPOINT.fullmatch(name) is not None


def _written(path: Path) -> Iterator[tuple[str, int]]:
    """Names of checkpoints, and when they were written."""
    for name in filter(CHECKPOINT.fullmatch, _names(path)):
        try:
            yield name, (path / name).stat().st_mtime_ns
        except FileNotFoundError:
            continue
