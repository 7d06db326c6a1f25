"""What a reweighting algorithm is: who is drawn, and what weight each loss gets.

The engine's step is `(weights.detach() * losses).sum().backward()`: the paper's definition of a reweighting
algorithm (Eq. 2, q_i(t) per example).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from wgbench.algorithms.ranges import Range
from wgbench.config import Recipe
from wgbench.types import Batch, Data, Sampling, Split, State


class Trained(Protocol):
    """A trained network, frozen."""

    def logits(self, split: Split) -> Tensor:
        """Logits on the evaluation views of a split of `data`, (N, C)."""

    def features(self, split: Split) -> Tensor:
        """Input of the head on the evaluation views, (N, D)."""

    def recorded(self, name: str) -> Tensor:
        """What `fit(..., record=(name,))` recorded: `online_predictions`."""


Head = tuple[Tensor, Tensor]  # weight (C, D), bias (C,)


@dataclass(frozen=True)
class Refit:
    """Another head for a network, fitted on its features: scored at the protocol's epochs in place of its own.

    `head` gets the features of train and val and a generator keyed by the epoch. `scored` (N_val,) marks the part of
    val that the head does not see: selection looks at that part alone.
    """

    head: Callable[[Tensor, Tensor, torch.Generator], Head]
    scored: Tensor


class Fit(Protocol):
    """Trains one stage. Each call is the next stage; fields of the cell's recipe can be overridden."""

    def __call__(
        self,
        algorithm: "Algorithm",
        *,
        sampling: Sampling | None = None,
        recipe: Mapping[str, Any] | None = None,
        start: Literal["init"] | Trained = "init",
        record: Sequence[str] = (),
        refit: Refit | None = None,
    ) -> Trained:
        """Train from the cell's initial weights, or from a trained network's.

        `record`: `online_predictions`, the classes predicted in training mode in the stage's last epoch.
        """

    def note(self, name: str, value: Any) -> None:
        """Keep JSON values with the result: an error set, a choice made on val."""

    def generator(self, purpose: int) -> torch.Generator:
        """Randomness of the cell's seed, for what is drawn between stages."""


class Algorithm:
    """Base of algorithms. Subclasses are frozen dataclasses; their fields are the hyper-parameters."""

    version: ClassVar[int] = 1  # bump when results change
    needs: ClassVar[frozenset[str]] = frozenset()  # supervision: train_group, val_group, val_label (for training)
    search: ClassVar[Mapping[str, Range]] = {}  # hyper-parameters that `--tune` draws, and from where
    vectorizes: ClassVar[bool] = True  # `weigh` runs under vmap, so that several cells can be trained as one program
    members: ClassVar[int] = 1  # networks trained side by side on the same batches; the last is the result

    def sampling(self, train: Split, rng: torch.Generator) -> Sampling:  # noqa: ARG002
        """How often each training example is drawn; `rng` is keyed by (seed, stage)."""
        return Sampling(torch.ones(len(train), dtype=torch.int64))

    def init(self, train: Split) -> State:  # noqa: ARG002
        """Everything that persists between steps; keys, shapes and dtypes stay as they are here."""
        return {}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """Losses (B,), or (members, B), to weights of the same shape and the next state. Pure."""
        return torch.full_like(losses, 1 / losses.shape[-1]), state

    def advise(self, train: Split, recipe: Recipe) -> Sequence[str]:  # noqa: ARG002
        """Warnings to show before training, one line each."""
        return ()

    def run(self, fit: Fit, data: Data) -> Trained:  # noqa: ARG002
        """The recipe of stages: by default one."""
        return fit(self)
