"""Predictions on test at the epochs that the protocol names: end of the early window, best on val, final."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from wgbench.config import EARLY
from wgbench.engine.sink import Tensors


@dataclass
class Best:
    """The epoch of best val worst-group accuracy so far, and what there is to keep of it."""

    value: float = -1.0
    epoch: int = 0
    kept: Tensors = field(default_factory=dict)  # predictions on test, by name of the moment

    def keep(self, epoch: int, val: dict[str, Any], totals: list[int], predicted: Tensor) -> None:
        """Hold on to an epoch's predictions (N,), from its line on val and val's examples per group."""
        worst = min(c / n for c, n in zip(val["correct"], totals, strict=True) if n)
        kept = predicted.to("cpu", torch.int16)
        self.kept["final"] = kept
        if epoch == EARLY[1]:
            self.kept["early"] = kept
        if worst > self.value:
            self.value, self.epoch, self.kept["selected"] = worst, epoch, kept
