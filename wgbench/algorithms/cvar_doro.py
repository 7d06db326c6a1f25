"""CVaR-DORO: drop the largest losses as outliers, then CVaR of the rest.

Zhai et al., "DORO: Distributional and Outlier Robust Optimization" (ICML 2021), algorithm 1 with CVaR. Default as in
the authors' code: with losses sorted from the largest, ranks floor(eps B) up to floor((eps + alpha (1 - eps)) B) each
weigh 1/(alpha (B - floor(eps B))), at least one example; the weights need not sum to 1. `exact`: CVaR of the rest
with its fractional remainder, summing to 1. Equal losses share.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import LogUniform, Range, Uniform
from wgbench.algorithms.weights import in_top
from wgbench.types import Batch, State


@dataclass(frozen=True)
class CVaRDORO(Algorithm):
    """CVaR at level `alpha` after the share `eps` of largest losses is dropped (Zhai et al. 2021)."""

    alpha: Annotated[float, Field(gt=0, le=1)] = 0.2
    eps: Annotated[float, Field(ge=0, lt=1)] = 0.05
    exact: bool = False
    search: ClassVar[Mapping[str, Range]] = {"alpha": Uniform(0.05, 0.9), "eps": LogUniform(0.005, 0.2)}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """0 on the dropped, equal weights on the next, 0 on the rest."""
        n = losses.shape[-1]
        dropped = int(self.eps * n)
        mass = self.alpha * (n - dropped)
        end = dropped + mass if self.exact else max(dropped + 1, int((self.eps + self.alpha * (1 - self.eps)) * n))
        return (in_top(losses, end) - in_top(losses, dropped)).clamp(min=0) / mass, state
