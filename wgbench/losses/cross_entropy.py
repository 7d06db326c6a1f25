"""Cross-entropy: -log softmax(f(x))_y."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from wgbench.losses.base import Loss
from wgbench.types import State


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy of the softmax, in nats. With `smoothing` s the target is (1 - s) onehot + s/C."""

    smoothing: float = 0.0
    steady: ClassVar[bool] = True

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int, state: State) -> Tensor:  # noqa: ARG002
        """-log softmax(logits)_label, (B,)."""
        return functional.cross_entropy(logits, label, reduction="none", label_smoothing=self.smoothing)
