"""Label CVaR: CVaR over classes, weighted by their training frequencies.

Xu et al., "Class-weighted classification: trade-offs and robust approaches" (ICML 2020): min over lambda of sum_y p_y
relu(m_y - lambda) / alpha + lambda, with m_y the batch mean loss of class y (0 where it is absent, as in Group DRO)
and p_y its share of the training set. The optimum fills classes up to p_y / alpha, largest m_y first; classes of
equal mean share in proportion to p_y. No reference code was found that works: tested against the formula.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import Range, Uniform
from wgbench.algorithms.weights import counts, group_means
from wgbench.types import Batch, Split, State


@dataclass(frozen=True)
class LabelCVaR(Algorithm):
    """CVaR over classes at level `alpha` (Xu et al. 2020)."""

    alpha: Annotated[float, Field(gt=0, le=1)] = 0.5
    search: ClassVar[Mapping[str, Range]] = {"alpha": Uniform(0.05, 0.9)}

    def init(self, train: Split) -> State:
        """`prior` (C,): class frequencies."""
        return {"prior": counts(train.label, train.n_classes).float() / len(train)}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:
        """The mass of each class, over its examples in the batch."""
        prior = state["prior"].to(losses)
        mean, count = group_means(losses, batch.label, prior.shape[-1])
        larger, equal = (mean[None, :] > mean[:, None]).to(losses), (mean[None, :] == mean[:, None]).to(losses)
        cap, above = equal @ prior / self.alpha, larger @ prior / self.alpha
        mass = torch.minimum(cap, (1 - above).clamp(min=0)) * prior / (equal @ prior).clamp(min=1e-12)
        return (mass / count.clamp(min=1))[batch.label], state
