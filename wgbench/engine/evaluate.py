"""What a stage's result is worth after an epoch: counts on every split, with its own head or one that was refitted."""

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

from wgbench.algorithms.base import Refit
from wgbench.backbones.base import Network
from wgbench.config import Cell
from wgbench.engine import stream
from wgbench.engine.prepared import Prepared
from wgbench.engine.reference import count
from wgbench.engine.refit import is_scored, named_head, replaced_head
from wgbench.engine.sink import Tensors
from wgbench.engine.step import features_of, logits_by_batch, logits_of
from wgbench.engine.stream import For
from wgbench.engine.whole import Captured
from wgbench.evaluation.metrics import Tally
from wgbench.losses.base import Loss
from wgbench.types import State


@dataclass(frozen=True)
class Counted:
    """An evaluation done together with others: counts and predicted classes by split, and its share of the time."""

    splits: dict[str, tuple[dict[str, Any], Tensor]]
    seconds: float


@dataclass
class Evaluator:
    """Evaluates the network of one stage, un-augmented."""

    cell: Cell
    stage: int
    epochs: int  # of the stage
    prepared: Prepared
    loss: Loss
    loss_state: State
    refit: Refit | None
    captured: Captured | None  # the forward pass as one program, where there is one
    head: Tensors = field(default_factory=dict)  # that was refitted and scored last, by its names in the network

    @cached_property
    def tallies(self) -> dict[str, Tally]:
        """What counts on each split: on val the examples alone that a refitted head does not see."""
        if self.refit is None:
            return self.prepared.tallies
        return {**self.prepared.tallies, "val": self.prepared.tallies["val"].only(self.refit.scored)}

    def __call__(
        self, network: Network, epoch: int, counted: Counted | None = None
    ) -> tuple[dict[str, Any], Tensor | None]:
        """Counts by split, done here unless they are given, and predicted classes on test (N,).

        None for all of it where a refitted head is not scored at that epoch.
        """
        if self.refit is not None and not is_scored(epoch, self.epochs):
            return dict.fromkeys(self.prepared.splits), None
        with self._scored_head(network, epoch):
            if self.refit is not None:
                self.head = named_head(network)
            found = counted.splits if counted else {s: self._count(network, s, epoch) for s in self.prepared.splits}
        return {split: counts for split, (counts, _) in found.items()}, found["test"][1]

    def _count(self, network: Network, split: str, epoch: int) -> tuple[dict[str, Any], Tensor]:
        """Counts and predicted classes of one split."""
        targets, inputs, mode = self.tallies[split], self.prepared.inputs[split], self.cell.mode

        def losses(logits: Tensor, i: Tensor | slice) -> Tensor:
            return self.loss.per_example(logits, targets.label[i], targets.group[i], epoch, self.loss_state)

        if mode.pipeline == "reference":
            return count(logits_by_batch(network, inputs, mode), targets, losses)
        logits = logits_of(network, inputs, mode, self.captured)
        return targets.count(logits, losses(logits, slice(None)))

    def _scored_head(self, network: Network, epoch: int) -> AbstractContextManager[None]:
        """The network with the head that is scored: its own, or one refitted for the moment."""
        if self.refit is None:
            return contextlib.nullcontext()
        train, val = (features_of(network, self.prepared.inputs[s], self.cell.mode) for s in ("train", "val"))
        rng = stream.generator(self.cell.seed, self.stage, epoch, For.REFIT)
        return replaced_head(network.head, self.refit.head(train, val, rng))
