"""Where the engine writes: passed in, so that the engine knows nothing of files."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # run folders are looked at without torch
    from torch import Tensor

Tensors = dict[str, "Tensor"]
Line = dict[str, Any]
Moment = tuple[int, int]  # a stage, and how many of its epochs are behind
START: Moment = (1, 0)


@dataclass(frozen=True)
class Checkpoint:
    """All that training needs to go on after the end of an epoch."""

    stage: int
    epoch: int
    tensors: Tensors
    info: dict[str, Any]  # JSON values

    @property
    def lines(self) -> int:
        """How many lines of its stage were written until here: none after a divergence."""
        diverged: int | None = self.info["diverged_at"]
        return self.epoch if diverged is None else diverged - 1


class Sink(Protocol):
    """Receives curves and checkpoints; hands them back when training goes on."""

    def moments(self) -> set[Moment]:
        """From where training can go on: the start, the end of every finished stage, and each checkpoint."""

    def resume(self, at: Moment) -> Checkpoint | None:
        """Go back to one of the moments: what is later is forgotten. Its checkpoint; None at the start of a stage."""

    def finished_stage(self, stage: int) -> Checkpoint | None:
        """What `stage_done` was given for this stage, in an earlier attempt."""

    def epoch(self, line: Line) -> None:
        """One line of the curves."""

    def due(self) -> bool:
        """Asked at the end of every epoch: whether it is time to save."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint, and perhaps let go of older ones."""

    def stage_done(self, end: Checkpoint) -> None:
        """A stage has ended; it will not be trained again."""
