"""What goes between a driver and its workers. No torch here: a driver may do without it."""

from dataclasses import dataclass
from pathlib import Path

from wgbench.config import Cell, Plugin
from wgbench.runs import EVERY


@dataclass(frozen=True)
class Job:
    """A cell and the circumstances under which it is run: none of them changes its id."""

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


@dataclass(frozen=True)
class Progress:
    """How far a cell is."""

    cell: str
    stage: int
    epoch: int
    epochs: int
    seconds: float  # of this epoch
    worst_group: float | None  # on test, this epoch; None where it was not scored
