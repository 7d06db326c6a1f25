"""CVaR-DRO: the mean of the worst alpha share of the batch.

Paper: appendix A of "Understanding Overfitting in Reweighting Algorithms for Worst-group Performance" (2022);
Rockafellar and Uryasev, "Optimization of conditional value-at-risk" (2000). CVaR_alpha = min over eta of mean(relu(l
- eta)) / alpha + eta, whose optimum puts 1/(alpha B) on the largest losses and the remainder of a fractional alpha B
on the next; equal losses share. `truncate` averages the top floor(alpha B), at least one, instead, as the code
published with DORO does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import Range, Uniform
from wgbench.algorithms.weights import in_top
from wgbench.types import Batch, State


@dataclass(frozen=True)
class CVaR(Algorithm):
    """Conditional value at risk at level `alpha` (Rockafellar and Uryasev 2000)."""

    alpha: Annotated[float, Field(gt=0, le=1)] = 0.2
    truncate: bool = False
    search: ClassVar[Mapping[str, Range]] = {"alpha": Uniform(0.05, 0.9)}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """1/(alpha B) on the largest losses."""
        size = self.alpha * losses.shape[-1]
        if self.truncate:
            size = max(1, int(size))
        return in_top(losses, size) / size, state
