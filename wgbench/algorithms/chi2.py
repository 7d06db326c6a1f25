"""chi2-DRO: weights grow linearly with the loss above a threshold.

Hashimoto et al., "Fairness without demographics in repeated loss minimization" (ICML 2018); Duchi and Namkoong (2018);
appendix A of "Understanding Overfitting in Reweighting Algorithms for Worst-group Performance" (2022). The dual is
min over eta of C sqrt(mean(relu(l - eta)^2)) + eta with C^2 = 1 + (1/alpha - 1)^2; its gradient puts weights
~ relu(l - eta*) on the losses, summing to 1. Solved exactly: between two neighbouring sorted losses the k active ones
have mean m and squared deviation V, and the stationary eta is m - sqrt(B V / (k (k C^2 - B))).

Where k maxima are tied and B <= k C^2, the optimum is eta = max l: published code has no gradient there, ours shares
all mass over the ties (small batches: alpha .1 needs B > 82). Equal losses: uniform. alpha = 1: ERM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import Range, Uniform
from wgbench.config import Recipe
from wgbench.types import Batch, Split, State


@dataclass(frozen=True)
class Chi2(Algorithm):
    """DRO over a chi2 ball whose radius corresponds to a worst share `alpha` (Hashimoto et al. 2018)."""

    alpha: Annotated[float, Field(gt=0, le=1)] = 0.2
    search: ClassVar[Mapping[str, Range]] = {"alpha": Uniform(0.05, 0.9)}

    def weigh(self, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:  # noqa: ARG002
        """Weights ~ relu(l - eta*)."""
        return excess(losses, losses.sort(descending=True).values, self.alpha), state

    def advise(self, train: Split, recipe: Recipe) -> Sequence[str]:
        """A batch that is too small leaves all weight on its largest loss."""
        size, needed = min(recipe.batch_size, len(train)), spread(self.alpha)
        if size > needed:
            return ()
        return (
            f"with alpha {self.alpha:g} a batch of {size} puts all weight on its largest loss: take more than "
            f"{needed:.0f} examples, or a larger alpha",
        )


def spread(alpha: float) -> float:
    """C^2 = 1 + (1/alpha - 1)^2."""
    return 1 + (1 / alpha - 1) ** 2


def excess(losses: Tensor, ordered: Tensor, alpha: float, keep: Tensor | None = None) -> Tensor:
    """Normalised relu(losses - eta*), (B,), with eta* of the `ordered` losses (largest first); `keep` scales each."""
    weight = torch.ones_like(losses) if keep is None else keep
    top = (losses.double() >= ordered[0]).to(losses) * weight  # tied maxima of what is kept
    if alpha == 1:
        return weight / weight.sum()
    eta = threshold(ordered.double(), spread(alpha))
    above = (losses.double() - eta).clamp(min=0).to(losses) * weight
    above = torch.where(above.sum() > 0, above, top)
    return above / above.sum()


def threshold(ordered: Tensor, c2: float) -> Tensor:
    """eta* of the dual, from losses sorted from the largest, in float64."""
    n = ordered.shape[-1]
    k = torch.arange(1, n + 1, dtype=ordered.dtype, device=ordered.device)
    below = ordered[0] - ordered  # sums of distances from the maximum lose no digits to its size
    s1, s2 = below.cumsum(-1), below.square().cumsum(-1)
    deviation = (s2 - s1 * s1 / k).clamp(min=0)
    slope = k * c2 - n
    step = (n * deviation / (k * slope).clamp(min=1e-300)).sqrt()
    lowest = torch.cat([below[1:], torch.full_like(below[:1], torch.inf)])
    # Distance of eta from the maximum, held between the k-th and the next loss: the convex dual has its minimum there.
    candidate = torch.where(slope > 0, s1 / k + step, torch.inf).clamp(below, lowest)
    risk = (c2 * (deviation + k * (candidate - s1 / k).square()) / n).sqrt() - candidate
    best = torch.where(torch.isfinite(candidate), risk, torch.inf).argmin(-1, keepdim=True)
    return ordered[0] - candidate.gather(-1, best)[0]
