"""Group DRO: group weights q grow exponentially with group losses, and weigh the groups' mean losses.

Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts" (ICLR 2020), algorithm 1; Eq. 3 of
"Understanding Overfitting in Reweighting Algorithms for Worst-group Performance" (2022), with plain shuffling as
run there. On each batch q_k <- q_k exp(nu R_k) / Z with R_k the batch mean of group k (0 where k is absent), then an
example of group k weighs q_k / n_k(batch), with the new q. The mass of an absent group is lost in that batch.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.weights import group_means
from wgbench.types import Batch, Split, State


@dataclass(frozen=True)
class GroupDRO(Algorithm):
    """Exponentiated-gradient ascent on group weights (Sagawa et al. 2020); `nu` is its step size."""

    nu: Annotated[float, Field(gt=0)] = 0.01
    needs: ClassVar[frozenset[str]] = frozenset({"train_group"})

    def init(self, train: Split) -> State:
        """`log_q` (G,): uniform. Kept as logarithms: q itself underflows on long horizons."""
        return {"log_q": torch.full((train.n_groups,), -math.log(train.n_groups))}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Update q, then weigh with it."""
        risk, count = group_means(losses, batch.group, state["log_q"].shape[-1])
        log_q = torch.log_softmax(state["log_q"] + self.nu * risk.to(state["log_q"]), -1)
        return (log_q.exp() / count.clamp(min=1))[batch.group].to(losses), {"log_q": log_q}
