"""Group DRO: group weights q grow exponentially with group losses, and weigh the groups' mean losses.

Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts" (ICLR 2020), algorithm 1; Eq. 3 of
"Understanding Overfitting in Reweighting Algorithms for Worst-group Performance" (2022), with plain shuffling as run
there. On each batch q_k <- q_k exp(nu R_k) / Z with R_k the batch mean of group k (0 where k is absent), then an
example of group k weighs q_k / n_k(batch), with the new q. The mass of an absent group is lost in that batch.

Options of the authors' code, off by default as in both papers' main results: `adjustment` C adds C / sqrt(n_k) to the
R_k that update q, for every group, absent ones too (their code drops all adjustments where one is 0); `normalize`
divides the R_k by their sum; `greedy` (their `btl`) replaces q by a CVaR over groups at level `alpha`: groups are
filled up to their training fraction / alpha, those of largest running mean loss first (rate `gamma`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import LogUniform, Range
from wgbench.algorithms.weights import counts, group_means
from wgbench.types import Batch, Split, State

Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class GroupDRO(Algorithm):
    """Exponentiated-gradient ascent on group weights (Sagawa et al. 2020); `nu` is its step size."""

    nu: Annotated[float, Field(gt=0)] = 0.01
    adjustment: Annotated[float, Field(ge=0)] = 0.0
    normalize: bool = False
    greedy: bool = False
    alpha: Share = 0.2
    gamma: Share = 0.1
    needs: ClassVar[frozenset[str]] = frozenset({"train_group"})
    search: ClassVar[Mapping[str, Range]] = {"nu": LogUniform(0.001, 0.1)}  # around the authors' .01

    def init(self, train: Split) -> State:
        """Group weights as logarithms (G,), as q underflows on long horizons; running means (G,) if greedy."""
        n = counts(train.group, train.n_groups).float()
        state = {"margin": self.adjustment / n.clamp(min=1).sqrt()}
        if self.greedy:
            return state | {"fraction": n / n.sum(), "running": torch.zeros_like(n), "seen": torch.zeros_like(n)}
        return state | {"log_q": torch.full_like(n, -math.log(train.n_groups))}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Update the group weights, then weigh with them."""
        risk, count = group_means(losses, batch.group, state["margin"].shape[-1])
        risk = risk.to(state["margin"])
        q, state = self._filled(risk, count, state) if self.greedy else self._ascended(risk, state)
        return (q / count.clamp(min=1))[batch.group].to(losses), state

    def _ascended(self, risk: Tensor, state: State) -> tuple[Tensor, State]:
        risk = risk + state["margin"]
        if self.normalize:
            risk = risk / risk.sum().clamp(min=1e-12)
        log_q = torch.log_softmax(state["log_q"] + self.nu * risk, -1)
        return log_q.exp(), {**state, "log_q": log_q}

    def _filled(self, risk: Tensor, count: Tensor, state: State) -> tuple[Tensor, State]:
        present = (count > 0).to(risk)
        keep = (1 - self.gamma * present) * state["seen"]
        running = keep * state["running"] + (1 - keep) * risk
        order = (running + state["margin"]).argsort(descending=True, stable=True)
        cap = state["fraction"][order] / self.alpha
        fill = torch.minimum(cap, (1 - (cap.cumsum(-1) - cap)).clamp(min=0))
        q = torch.zeros_like(fill).scatter(-1, order, fill)
        return q, {**state, "running": running, "seen": torch.maximum(state["seen"], present)}
