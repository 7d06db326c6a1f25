"""What a loss is: one number per example."""

from typing import ClassVar

import torch
from torch import Tensor

from wgbench.types import Split, State


class Loss:
    """Base of losses. Subclasses are frozen dataclasses; their fields are the options."""

    version: ClassVar[int] = 1
    steady: ClassVar[bool] = False  # `per_example` is the same in every epoch: a step can be captured once and for all

    @property
    def needs(self) -> frozenset[str]:
        """Supervision beside labels, as for algorithms: `train_group` where the group matters."""
        return frozenset()

    def init(self, train: Split) -> State:  # noqa: ARG002
        """What it needs to know of the training set, as tensors: class frequencies, say."""
        return {}

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int, state: State) -> Tensor:
        """Logits (B, C), labels (B,), groups (B,), the epoch (from 1) and what `init` gave to losses (B,)."""
        raise NotImplementedError


def class_sizes(train: Split) -> Tensor:
    """Training examples per class, at least 1, (C,)."""
    return torch.bincount(train.label, minlength=train.n_classes).clamp(min=1).float()


def group_sizes(train: Split) -> Tensor:
    """Training examples per group, at least 1, (G,)."""
    return torch.bincount(train.group, minlength=train.n_groups).clamp(min=1).float()
