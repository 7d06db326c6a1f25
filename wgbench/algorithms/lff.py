"""LfF, learning from failure: one network learns the shortcut, the other what the first finds hard.

Nam et al., "Learning from failure: training debiased classifier from biased classifier" (NeurIPS 2020), algorithm 1.
The biased network minimises the generalised cross-entropy (1 - p_y^q) / q, whose gradient is p_y^q times that of
cross-entropy; the debiased one weighs cross-entropy by l_b / (l_b + l_d). Both losses are running means per example
(rate `decay`), divided by their largest value in the example's class. Departures: the authors' code multiplies the
biased network's gradient by another q, a constant that only scales its learning rate; p_y = exp(-loss), so the rule
means what it says with the cross-entropy loss alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import Range, Uniform
from wgbench.types import Batch, Split, State

SMALL = 1e-8  # the authors' guard against 0 / 0


@dataclass(frozen=True)
class LfF(Algorithm):
    """Relative difficulty of a biased and a debiased network (Nam et al. 2020)."""

    q: Annotated[float, Field(gt=0, le=1)] = 0.7
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.7
    search: ClassVar[Mapping[str, Range]] = {"q": Uniform(0.1, 0.9)}
    members: ClassVar[int] = 2  # biased, debiased

    def init(self, train: Split) -> State:
        """Running mean loss of both networks (2, N), which examples were seen (N,), and class columns (N, C)."""
        columns = torch.nn.functional.one_hot(train.label, train.n_classes).bool()
        return {"running": torch.zeros(2, len(train)), "seen": torch.zeros(len(train)), "class": columns}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Losses (2, B) to weights (2, B)."""
        i = batch.index
        mean = self.decay * state["running"][:, i] + (1 - self.decay * state["seen"][i]) * losses.to(state["running"])
        running, seen = state["running"].index_copy(1, i, mean), state["seen"].index_fill(0, i, 1.0)
        peak = torch.where(state["class"], running[:, :, None], 0.0).amax(1)  # (2, C)
        biased, debiased = mean / peak[:, batch.label].clamp(min=SMALL)
        weights = torch.stack([torch.exp(-self.q * losses[0]).to(mean), biased / (biased + debiased + SMALL)])
        return (weights / losses.shape[-1]).to(losses), {**state, "running": running, "seen": seen}
