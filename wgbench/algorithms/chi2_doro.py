"""chi2-DORO: drop the largest losses as outliers, then chi2-DRO on the rest.

Zhai et al., "DORO: Distributional and Outlier Robust Optimization" (ICML 2021), algorithm 1 with the chi2 divergence:
the top floor(eps B) losses get weight 0, the rest the weights of `chi2`. Equal losses at the cut share what is kept
of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from wgbench.algorithms.chi2 import Chi2, excess
from wgbench.algorithms.ranges import LogUniform, Range
from wgbench.algorithms.weights import in_top
from wgbench.types import Batch, State


@dataclass(frozen=True)
class Chi2DORO(Chi2):
    """chi2-DRO at `alpha` after the share `eps` of largest losses is dropped (Zhai et al. 2021)."""

    eps: Annotated[float, Field(ge=0, lt=1)] = 0.05
    search: ClassVar[Mapping[str, Range]] = {**Chi2.search, "eps": LogUniform(0.005, 0.2)}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """0 on the dropped, chi2 weights on the rest."""
        dropped = int(self.eps * losses.shape[-1])
        kept = losses.sort(descending=True).values[dropped:]
        return excess(losses, kept, self.alpha, 1 - in_top(losses, dropped)), state
