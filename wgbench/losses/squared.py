"""Squared loss: the paper's, 1/2 |f(x) - y|^2."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from wgbench.losses.base import Loss
from wgbench.types import State


@dataclass(frozen=True)
class Squared(Loss):
    """1/2 sum_k (f_k - onehot_k)^2; with one output 1/2 (f - y)^2 and y in {-1, 1} (the paper, section 3)."""

    steady: ClassVar[bool] = True

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int, state: State) -> Tensor:  # noqa: ARG002
        """Half the squared distance to the target, (B,)."""
        if logits.shape[-1] == 1:
            return 0.5 * (logits[..., 0] - (2 * label - 1)) ** 2
        target = functional.one_hot(label, logits.shape[-1]).to(logits)
        return 0.5 * (logits - target).square().sum(-1)
