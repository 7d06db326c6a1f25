"""LDAM: label-distribution-aware margins, with deferred reweighting.

Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss" (NeurIPS 2019), Eq. 13: cross-
entropy of s (f - D_y onehot_y) with D_y = C / n_y^(1/4), C such that the largest margin is `margin`. From epoch
`defer_until` on (DRW, algorithm 1) classes weigh (1 - beta) / (1 - beta^n_y), scaled to mean 1 over classes.
Departure: the authors use a head of normalised weights and features with s = 30; here heads are linear, so s = 1 by
default.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from wgbench.losses.base import Loss, class_sizes
from wgbench.types import Split, State


@dataclass(frozen=True)
class LDAM(Loss):
    """Cross-entropy with larger margins for rarer classes (Cao et al. 2019)."""

    margin: Annotated[float, Field(gt=0)] = 0.5
    scale: Annotated[float, Field(gt=0)] = 1.0
    defer_until: Annotated[int, Field(gt=0)] | None = None
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.9999

    def init(self, train: Split) -> State:
        """`margin` (C,) and the deferred `weight` (C,)."""
        n = class_sizes(train)
        margin = n**-0.25
        weight = (1 - self.beta) / (1 - self.beta ** n.double())
        return {"margin": self.margin * margin / margin.max(), "weight": (weight / weight.mean()).float()}

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int, state: State) -> Tensor:  # noqa: ARG002
        """Cross-entropy with margins, (B,)."""
        margin = state["margin"].to(logits)[label, None] * functional.one_hot(label, logits.shape[-1])
        losses = functional.cross_entropy(self.scale * (logits - margin), label, reduction="none")
        if self.defer_until is not None and epoch >= self.defer_until:
            losses = losses * state["weight"].to(logits)[label]
        return losses
