"""Where the engine writes: passed in, so that the engine knows nothing of files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # run folders are looked at without torch
    from torch import Tensor

Tensors = dict[str, "Tensor"]
Line = dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """All that training needs to go on after the end of an epoch."""

    stage: int
    epoch: int
    tensors: Tensors
    info: dict[str, Any]  # JSON values


class Sink(Protocol):
    """Receives curves and checkpoints; hands them back when training goes on."""

    def resume(self) -> Checkpoint | None:
        """The last checkpoint, if this run was interrupted."""

    def finished_stage(self, stage: int) -> Checkpoint | None:
        """What `stage_done` was given for this stage, in an earlier attempt."""

    def epoch(self, line: Line) -> None:
        """One line of the curves."""

    def checkpoint(self, make: Callable[[], Checkpoint]) -> None:
        """An epoch has ended; the sink decides whether it is time to save."""

    def stage_done(self, end: Checkpoint) -> None:
        """A stage has ended; it will not be trained again."""
