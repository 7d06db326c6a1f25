"""What a loss is: one number per example."""

from typing import ClassVar

from torch import Tensor


class Loss:
    """Base of losses. Subclasses are frozen dataclasses; their fields are the options."""

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()  # as for algorithms

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int) -> Tensor:
        """Logits (B, C), labels (B,), groups (B,) and the epoch (from 1) to losses (B,)."""
        raise NotImplementedError
