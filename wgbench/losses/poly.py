"""Polynomially-tailed loss: beyond a margin it falls like a power, not exponentially, so that weights keep mattering.

Wang et al., "Is importance weighting incompatible with interpolating classifiers?" (ICLR 2022), section 4: with the
margin z, l(z) = 1 / (z - (beta - 1))^alpha for z > beta, and to its left the logistic loss scaled to meet it, log(1
+ e^-z) / log(1 + e^-beta). For several classes z is the logit of the label minus the log-sum-exp of the others, so
that the left part is cross-entropy up to its scale.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from wgbench.losses.base import Loss
from wgbench.types import State


@dataclass(frozen=True)
class PolynomialTail(Loss):
    """Logistic up to the margin `beta`, a power `alpha` beyond (Wang et al. 2022)."""

    alpha: Annotated[float, Field(gt=0)] = 1.0
    beta: float = 1.0
    steady: ClassVar[bool] = True

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int, state: State) -> Tensor:  # noqa: ARG002
        """The loss of the margin, (B,)."""
        own = functional.one_hot(label, logits.shape[-1]).bool()
        margin = logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(-1)
        left = functional.softplus(-margin) / math.log1p(math.exp(-self.beta))
        # Held at the joint where the other branch is taken: its gradient would be NaN.
        right = (margin.clamp(min=self.beta) - (self.beta - 1)) ** -self.alpha
        return torch.where(margin > self.beta, right, left)
