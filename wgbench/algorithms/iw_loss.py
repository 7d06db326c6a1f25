"""Importance weighting on the losses: q_i = 1/(K n_k), the paper's Eq. 2 with fixed q.

Shimodaira, "Improving predictive inference under covariate shift by weighting the log-likelihood function" (2000).
In a batch of B out of N examples the weight is N/(K n_k B): it sums to 1 in expectation, not in every batch.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.weights import counts
from wgbench.types import Batch, Split, State


@dataclass(frozen=True)
class ImportanceWeightedLoss(Algorithm):
    """Weighs losses by N/(K n_k B), K the number of groups that occur (Shimodaira 2000)."""

    needs: ClassVar[frozenset[str]] = frozenset({"train_group"})

    def init(self, train: Split) -> State:
        """`ratio` (G,): N/(K n_k), how much more than uniform an example of group k counts."""
        n = counts(train.group, train.n_groups)
        return {"ratio": len(train) / (int((n > 0).sum()) * n.clamp(min=1)).float()}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:
        """N/(K n_k) / B."""
        return state["ratio"].to(losses)[batch.group] / losses.shape[-1], state
