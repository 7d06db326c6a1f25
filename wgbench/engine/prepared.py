"""What a cell is trained from, and its splits on a device: prepared once for all cells of a queue that share them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wgbench.algorithms.base import Algorithm
from wgbench.backbones.base import Backbone
from wgbench.config import Cell
from wgbench.engine import precision
from wgbench.engine.views import Inputs, inputs
from wgbench.errors import AlgorithmFailed
from wgbench.evaluation.metrics import Tally, tally
from wgbench.losses.base import Loss
from wgbench.types import Spec, Split


@dataclass(frozen=True)
class Parts:
    """What a cell is trained from: plug-ins made, splits loaded."""

    algorithm: Algorithm
    backbone: Backbone
    loss: Loss
    splits: Mapping[str, Split]  # train, val, test
    spec: Spec
    cache: Path | None = None  # where evaluation views are kept


@dataclass(frozen=True)
class Prepared:
    """The splits of a cell on its device, shared by its stages."""

    splits: dict[str, Split]
    inputs: dict[str, Inputs]
    tallies: dict[str, Tally]

    def inputs_of(self, split: Split) -> Inputs:
        """Inputs of one of the cell's own splits."""
        for name, known in self.splits.items():
            if known is split:
                return self.inputs[name]
        raise AlgorithmFailed("logits or features", "the split is none of the cell's", "pass data.train or data.val")


# What was prepared last: cells of a queue differ in seed and weight decay, seldom in data. Splits are told apart by
# identity.
_SHELF: dict[Any, Prepared] = {}


def prepared(cell: Cell, parts: Parts, device: torch.device) -> Prepared:
    """The splits on a device, ready for the networks of a cell and of all that differ from it in seed and decay."""
    preprocess, dtype, views = parts.backbone.preprocess(), precision.dtype(cell.mode), cell.recipe.views
    key = (tuple(parts.splits.values()), views, preprocess, device, dtype, parts.cache, cell.mode)
    if key not in _SHELF:
        _SHELF.clear()  # before anything takes its place on the device
        _SHELF[key] = Prepared(
            dict(parts.splits),
            {n: inputs(s, views, preprocess, device, dtype, parts.cache, cell.mode) for n, s in parts.splits.items()},
            {n: tally(s, device) for n, s in parts.splits.items()},
        )
    return _SHELF[key]
