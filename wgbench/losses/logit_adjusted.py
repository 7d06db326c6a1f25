"""Logit adjustment: cross-entropy of logits that are shifted by the log frequencies of classes.

Menon et al., "Long-tail learning via logit adjustment" (ICLR 2021), Eq. 10: -log softmax(f(x) + tau log pi)_y, with
pi the class frequencies of the training set.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from wgbench.losses.base import Loss, class_sizes
from wgbench.types import Split, State


@dataclass(frozen=True)
class LogitAdjusted(Loss):
    """Cross-entropy with additive margins tau log pi (Menon et al. 2021)."""

    tau: Annotated[float, Field(ge=0)] = 1.0
    steady: ClassVar[bool] = True

    def init(self, train: Split) -> State:
        """`shift` (C,): tau log pi."""
        n = class_sizes(train)
        return {"shift": self.tau * (n / n.sum()).log()}

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int, state: State) -> Tensor:  # noqa: ARG002
        """-log softmax(logits + shift)_label, (B,)."""
        return functional.cross_entropy(logits + state["shift"].to(logits), label, reduction="none")
