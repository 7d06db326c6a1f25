"""Resampling: groups, or classes, drawn equally often with replacement; mean loss.

Idrissi et al., "Simple data balancing achieves competitive worst-group-accuracy" (CLeaR 2022), who name them RWG and
RWY. `rwg` is the rule of `iw` under the name that this literature uses.
"""

from dataclasses import dataclass

import torch

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.iw import ImportanceWeighting
from wgbench.algorithms.weights import balanced
from wgbench.types import Sampling, Split


@dataclass(frozen=True)
class RWG(ImportanceWeighting):
    """Groups drawn equally often (Idrissi et al. 2022): the rule of `iw`."""


@dataclass(frozen=True)
class RWY(Algorithm):
    """Classes drawn equally often (Idrissi et al. 2022)."""

    def sampling(self, train: Split, rng: torch.Generator) -> Sampling:  # noqa: ARG002
        """Probability ~ 1 / n_class."""
        return Sampling(balanced(train.label, train.n_classes))
