"""How far runs are and how fast they were, read off the ends of their curves: what is left, and for how long.

No torch here. Of each curve the end alone is read, so that a store of thousands of runs is looked through in seconds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal

from wgbench import runs
from wgbench.config import Cell, place

TAIL = 32 * 1024  # bytes at the end of a curve that are looked at
SAMPLE = 5  # runs in a folder that are looked at

Condition = Literal["done", "failed", "half done", "to do"]


@dataclass(frozen=True)
class Reached:
    """Where a run's curves end, and the seconds that each of its latest epochs took."""

    epoch: int = 0  # of the stage that is under way
    seconds: float | None = None


@dataclass
class Speeds:
    """Seconds per epoch, measured on the runs of a store."""

    store: Path
    sampled: dict[Path, list[tuple[str, float]]] = field(default_factory=dict)
    measured: dict[str, float | None] = field(default_factory=dict)

    def left(self, cell: Cell) -> float | None:
        """Seconds of one process that a cell still needs; None where nothing like it was run.

        Stages before the last are short, and taken for a part of it.
        """
        folder = runs.folder(self.store, cell)
        if condition(folder) in ("done", "failed"):
            return 0.0
        at = reached(folder)
        seconds = self.per_epoch(cell) if at.seconds is None else at.seconds
        return None if seconds is None else seconds * max(cell.recipe.epochs - at.epoch, 0)

    def per_epoch(self, cell: Cell) -> float | None:
        """Seconds of an epoch: the median of runs of the same algorithm, dataset and network, else of other algorithms.

        Those with equal options come before others.
        """
        key = f"{cell.algorithm.name} {_kind(cell)}"
        if key not in self.measured:
            own = self.store / place(cell.dataset, cell.backbone, cell.algorithm)
            others = [folder for folder in sorted(own.parent.glob("*")) if folder != own]
            self.measured[key] = self._median([own], cell) or self._median(others, cell)
        return self.measured[key]

    def _median(self, folders: Sequence[Path], cell: Cell) -> float | None:
        found = [sample for folder in folders for sample in self._samples(folder)]
        alike = [seconds for kind, seconds in found if kind == _kind(cell)] or [seconds for _, seconds in found]
        return median(alike) if alike else None

    def _samples(self, folder: Path) -> list[tuple[str, float]]:
        """What the newest runs of a folder were, and their seconds per epoch."""
        if folder not in self.sampled:
            newest = sorted(folder.glob(f"*/{runs.CURVES}"), key=lambda path: path.stat().st_mtime, reverse=True)
            found = (_sample(path.parent) for path in newest[: 2 * SAMPLE])
            self.sampled[folder] = [sample for sample in found if sample is not None][:SAMPLE]
        return self.sampled[folder]


def condition(folder: Path) -> Condition:
    """What there is of a run."""
    if runs.finished(folder):
        return "done"
    if runs.failed(folder):
        return "failed"
    curves = folder / runs.CURVES
    return "half done" if curves.is_file() and curves.stat().st_size else "to do"


def reached(folder: Path) -> Reached:
    """Where the curves in a folder end."""
    lines = last_lines(folder / runs.CURVES)
    if not lines:
        return Reached()
    return Reached(lines[-1]["epoch"], median(sum(line["seconds"].values()) for line in lines))


def longest_first(cells: Sequence[Cell], store: Path) -> list[Cell]:
    """Cells by the time that they need, so that no process works alone at the end; equal ones keep their order.

    Those of unknown speed come first. Times are compared by their leading digit: an entry's cells stay together.
    """
    speeds = Speeds(store)

    def duration(cell: Cell) -> float:
        left = speeds.left(cell)
        return float("inf") if left is None else float(f"{left:.0e}")

    return sorted(cells, key=duration, reverse=True)


def _sample(folder: Path) -> tuple[str, float] | None:
    """What a run was, and its seconds per epoch; None where that cannot be read."""
    try:
        cell = Cell.model_validate(json.loads((folder / runs.CELL).read_bytes())["cell"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    seconds = reached(folder).seconds
    return None if seconds is None else (_kind(cell), seconds)


def _kind(cell: Cell) -> str:
    """What the time of an epoch depends on, beside the algorithm."""
    views = cell.recipe.views
    records = (cell.dataset, cell.backbone, cell.loss, cell.mode, *([views] if views else []))
    return " ".join([str(cell.recipe.batch_size), *(record.canonical() for record in records)])


def last_lines(path: Path) -> list[dict[str, Any]]:
    """Whole lines at the end of a curve, the last stage's alone; a torn one is left out."""
    try:
        with path.open("rb") as file:
            start = max(path.stat().st_size - TAIL, 0)
            file.seek(start)
            content = file.read(TAIL)
    except OSError:
        return []
    found: list[dict[str, Any]] = []
    for text in content.split(b"\n")[1 if start else 0 :]:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if runs.is_line(line):
            found.append(line)
    return [line for line in found if line["stage"] == found[-1]["stage"]]
