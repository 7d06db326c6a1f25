"""What goes between a driver and its workers. No torch here: a driver may do without it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from wgbench.config import Cell, Plugin
from wgbench.runs import EVERY


@dataclass(frozen=True)
class Job:
    """A cell, or some that are trained together, and the circumstances: none of them changes an id."""

    cell: Cell
    dataset: Plugin  # as it is on this machine: the cell's may leave out what is private
    store: Path
    cache: Path
    data: Path | None = None  # the user's folder
    device: str = "cpu"
    threads: int = 1
    deterministic: bool = False
    keep: bool = False
    weights: Path | None = None
    checkpoint_every: float = EVERY  # seconds
    may_fail: bool = False  # an algorithm that cannot go on leaves a note in the run folder instead of an error
    stop: tuple[int, int] | None = None  # the stage and epoch after which to leave the cell, unfinished
    group: tuple[str, ...] = ()  # ids of the cells that are trained in one program, in order, this one among them
    others: tuple[Cell, ...] = ()  # those of the group that this job trains beside its cell

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells that this job trains, in the group's order."""
        order = {cell: i for i, cell in enumerate(self.group)}
        return tuple(sorted((self.cell, *self.others), key=lambda cell: order.get(cell.id, 0)))


def together(jobs: Iterable[Job]) -> list[Job]:
    """Jobs with those of a group made one, where the first of them was."""
    found: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        found.setdefault(job.group or (job.cell.id,), []).append(job)
    return [replace(first, others=tuple(job.cell for job in others)) for first, *others in found.values()]


@dataclass(frozen=True)
class Progress:
    """How far a cell is."""

    cell: str
    stage: int
    epoch: int
    epochs: int
    seconds: float  # of this epoch
    worst_group: float | None  # on test, this epoch; None where it was not scored
    record: Mapping[str, float] = field(default_factory=dict)  # accuracies and losses, as `test/worst_group`
    note: str = ""  # what to tell the user
