"""A dataset that takes no time, and a sink that keeps everything in memory: for checks and tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch

from wgbench.config import Recipe
from wgbench.datasets.base import SPLITS, Dataset, SplitName
from wgbench.engine.sink import START, Checkpoint, Line, Moment
from wgbench.types import Preprocess, Root, Split


@dataclass(frozen=True)
class Toy(Dataset):
    """Three coordinates: the second follows the label in 90 % of training, and is easier to learn.

    `blind` replaces labels by zeros that an algorithm says it does not look at.
    """

    n: int = 80
    blind: str = ""

    classes: ClassVar[tuple[str, ...]] = ("no", "yes")
    group_names: ClassVar[tuple[str, ...]] = ("no-0", "no-1", "yes-0", "yes-1")
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {"train": (36, 4, 4, 36), "val": (20,) * 4, "test": (20,) * 4}
    modality: ClassVar[Literal["image", "table", "text"]] = "table"
    source: ClassVar[str] = "made up"
    citation: ClassVar[str] = "none"
    licence: ClassVar[str] = "none"
    embedded: ClassVar[bool] = True
    backbone: ClassVar[str] = "mlp"
    recipe: ClassVar[Recipe] = Recipe(epochs=24, batch_size=16, lr=0.1)
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.1)
    tuned: ClassVar[Mapping[str, Mapping[str, Any]]] = {"jtt": {"epochs": 5, "up": 3, "lr": 0.01, "weight_decay": 0.0}}

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """The split's own draw."""
        made = self.sample(self.n, SPLITS.index(split))
        zeros = torch.zeros_like(made.label)
        label = zeros if self.blind == f"{split}_label" else made.label
        group = zeros if self.blind == f"{split}_group" else made.group
        return Split(made.x, label, group, made.n_classes, made.n_groups)

    def sample(self, n: int, seed: int) -> Split:
        """Points (n, 3)."""
        label = torch.arange(n) % 2
        agrees = torch.arange(n) // 2 % 10 > (0 if seed == 0 else 4)
        attribute = torch.where(agrees, label, 1 - label)
        centre = torch.stack([label * 2.0 - 1, attribute * 4.0 - 2, torch.zeros(n)], 1)
        x = centre + torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))
        return Split(x, label, 2 * label + attribute, n_classes=2, n_groups=4)

    def fingerprint(self, root: Root) -> str:  # noqa: ARG002
        """It never changes."""
        return "0" * 16


class Interrupted(Exception):
    """Training was stopped on purpose."""


@dataclass
class Memory:
    """The engine's sink, without files. `stop` interrupts training after the lines of these (stage, epoch)."""

    stop: Callable[[Line], bool] = lambda _: False
    lines: list[Line] = field(default_factory=list)
    last: Checkpoint | None = None
    ends: dict[int, Checkpoint] = field(default_factory=dict)

    def moments(self) -> set[Moment]:
        """The ends of stages, and the last checkpoint of one that has not ended."""
        last = {(self.last.stage, self.last.epoch)} if self.last and self.last.stage not in self.ends else set()
        return {START, *((stage + 1, 0) for stage in self.ends), *last}

    def resume(self, at: Moment) -> Checkpoint | None:
        """Forget what is later."""
        self.lines = [line for line in self.lines if (line["stage"], line["epoch"]) <= at]
        self.ends = {stage: end for stage, end in self.ends.items() if stage < at[0]}
        return self.last if at[1] else None

    def finished_stage(self, stage: int) -> Checkpoint | None:
        """The end of a stage, if it was reached."""
        return self.ends.get(stage)

    def epoch(self, line: Line) -> None:
        """Keep the line."""
        self.lines.append(line)
        if self.stop(line):
            raise Interrupted

    def due(self) -> bool:
        """Always."""
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep the last checkpoint only."""
        self.last = checkpoint

    def stage_done(self, end: Checkpoint) -> None:
        """Keep the end of the stage."""
        self.ends[end.stage] = end
