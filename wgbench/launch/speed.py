"""How far runs are and how fast they were, read off the ends of their curves: what is left, and for how long.

No torch here. Of each curve the end alone is read, and of a finished run nothing but that its result is there, so that
a store of 100,000 runs is looked through in seconds.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

from wgbench import runs
from wgbench.config import Cell, place

TAIL = 32 * 1024  # bytes at the end of a curve that are looked at
LATEST = 10  # lines of it that are read
SAMPLE = 5  # runs in a folder that are looked at

Condition = Literal["done", "failed", "half done", "to do"]


class Brief(NamedTuple):
    """What is known of a cell without its record: where its run lies in a store, and what its time depends on."""

    id: str
    place: str  # the folder of all runs of its combination
    kind: str  # of everything that the time of an epoch depends on, beside the algorithm, a hash
    epochs: int

    @property
    def where(self) -> str:
        """Its run's folder, relative to the store."""
        return f"{self.place}/{self.id}"


def brief(cell: Cell) -> Brief:
    """A cell in brief."""
    return Brief(cell.id, place(cell.dataset, cell.backbone, cell.algorithm), kind_of(cell), cell.recipe.epochs)


@dataclass(frozen=True)
class Reached:
    """Where a run's curves end, and the seconds that each of its latest epochs took."""

    epoch: int = 0  # of the stage that is under way
    seconds: float | None = None


@dataclass(frozen=True)
class Sample:
    """A run that was looked at: what it was, on what, its seconds per epoch, and how much its files take."""

    kind: str
    device: str
    seconds: float
    bytes_per_epoch: float  # of curves
    bytes_beside: int  # of what stays beside them
    checkpoint: int  # of the largest one; 0 where training is over


@dataclass(frozen=True)
class Speed:
    """Seconds of an epoch, and where they are from; None for what is not known about sizes."""

    seconds: float
    source: str
    bytes_per_epoch: float | None = None
    bytes_beside: float = 0.0
    checkpoint: int = 0

    @classmethod
    def of(cls, samples: Sequence[Sample], whose: str) -> "Speed":
        """The median of some runs."""
        devices = ", ".join(sorted({sample.device for sample in samples}))
        return cls(
            median(sample.seconds for sample in samples),
            f"{len(samples)} runs of {whose} here, {devices}"
            if len(samples) > 1
            else f"a run of {whose} here, {devices}",
            median(sample.bytes_per_epoch for sample in samples),
            median(sample.bytes_beside for sample in samples),
            max(sample.checkpoint for sample in samples),
        )


def nothing(_: Brief) -> None:
    """No speed is known from elsewhere."""


@dataclass
class Speeds:
    """Seconds per epoch, measured on the runs of a store; `elsewhere` is asked where nothing like a cell was run."""

    store: Path
    elsewhere: Callable[[Brief], Speed | None] = nothing
    sampled: dict[str, list[Sample]] = field(default_factory=dict)
    measured: dict[tuple[str, str], Speed | None] = field(default_factory=dict)

    def left(self, cell: Brief, state: Condition | None = None) -> float | None:
        """Seconds of one process that a cell still needs; None where nothing like it was run.

        `state` is its condition, where that is known. Stages before the last are short, and taken for a part of it.
        """
        state = state or condition(self.store, cell)
        if state in ("done", "failed"):
            return 0.0
        at = reached(self.store / cell.where) if state == "half done" else Reached()
        seconds = self.per_epoch(cell) if at.seconds is None else at.seconds
        return None if seconds is None else seconds * max(cell.epochs - at.epoch, 0)

    def per_epoch(self, cell: Brief) -> float | None:
        """Seconds of an epoch; None where nothing like the cell was run."""
        speed = self.of(cell)
        return None if speed is None else speed.seconds

    def of(self, cell: Brief) -> Speed | None:
        """The median of runs of the same algorithm, dataset and network, else of other algorithms.

        Those with equal options come before others.
        """
        key = cell.place, cell.kind
        if key not in self.measured:
            above, _, own = cell.place.rpartition("/")
            others = [f"{above}/{name}" for name in sorted(_folders(self.store / above)) if name != own]
            self.measured[key] = (
                self._median([cell.place], cell.kind, own)
                or self._median(others, cell.kind, "other algorithms")
                or self.elsewhere(cell)
            )
        return self.measured[key]

    def _median(self, places: Sequence[str], kind: str, whose: str) -> Speed | None:
        found = [sample for where in places for sample in self._samples(where)]
        alike = [sample for sample in found if sample.kind == kind]
        return Speed.of(alike or found, whose if alike else f"{whose} with other settings") if found else None

    def _samples(self, where: str) -> list[Sample]:
        """What the newest runs of a place were, and their seconds per epoch."""
        if where not in self.sampled:
            folders = _folders(self.store / where)
            newest = sorted(folders, key=lambda name: folders[name], reverse=True)
            found = (_sample(self.store / where / name) for name in newest[: 2 * SAMPLE])
            self.sampled[where] = [sample for sample in found if sample is not None][:SAMPLE]
        return self.sampled[where]


def condition(store: Path, cell: Brief) -> Condition:
    """What there is of a run. Its folder is asked each time: whatever ended it, that is what there is."""
    folder = f"{store}/{cell.where}"
    if os.path.isfile(f"{folder}/{runs.RESULT}"):  # many of these: strings take half the time of paths
        return "done"
    if runs.failed(Path(folder)):
        return "failed"
    curves = Path(folder, runs.CURVES)
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
        left = speeds.left(brief(cell))
        return float("inf") if left is None else float(f"{left:.0e}")

    return sorted(cells, key=duration, reverse=True)


def _folders(path: Path) -> dict[str, int]:
    """The folders in one, with the times of their last changes; none where it is not there."""
    try:
        with os.scandir(path) as found:
            return {entry.name: entry.stat().st_mtime_ns for entry in found if entry.is_dir()}
    except OSError:
        return {}


def _sample(folder: Path) -> Sample | None:
    """What a run was, and its seconds per epoch; None where that cannot be read."""
    try:
        said = json.loads((folder / runs.CELL).read_bytes())
        cell = Cell.model_validate(said["cell"])
        sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    at = reached(folder)
    if at.seconds is None:
        return None
    passing = [size for name, size in sizes.items() if name.endswith(".safetensors")]
    curves = sizes.get(runs.CURVES, 0)
    return Sample(
        kind_of(cell),
        str(said.get("environment", {}).get("device", "an unknown device")),
        at.seconds,
        curves / max(at.epoch, 1),
        sum(sizes.values()) - sum(passing) - curves,
        max(passing, default=0),
    )


def kind_of(cell: Cell) -> str:
    """What the time of an epoch depends on, beside the algorithm."""
    views = cell.recipe.views
    records = (cell.dataset, cell.backbone, cell.loss, cell.mode, *([views] if views else []))
    said = " ".join([str(cell.recipe.batch_size), *(record.canonical() for record in records)])
    return hashlib.sha256(said.encode()).hexdigest()[:8]


def last_lines(path: Path) -> list[dict[str, Any]]:
    """The latest whole lines of a curve, the last stage's alone; a torn one is left out."""
    try:
        with path.open("rb") as file:
            start = max(path.stat().st_size - TAIL, 0)
            file.seek(start)
            content = file.read(TAIL)
    except OSError:
        return []
    found: list[dict[str, Any]] = []
    for text in content.split(b"\n")[1 if start else 0 :][-LATEST:]:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if runs.is_line(line):
            found.append(line)
    return [line for line in found if line["stage"] == found[-1]["stage"]]
