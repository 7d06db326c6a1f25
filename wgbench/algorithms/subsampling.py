"""Subsampling: every group, or every class, cut at random to the size of the smallest; mean loss on what is left.

Sagawa et al., "An investigation of why overparameterization exacerbates spurious correlations" (ICML 2020); Idrissi et
al., "Simple data balancing achieves competitive worst-group-accuracy" (CLeaR 2022), who name them SUBG and SUBY. One
subset for the whole run, drawn with the cell's seed; `redraw` draws anew each epoch. An epoch has as many steps as any
other algorithm's; the references count epochs of the subset: `own_epochs`.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.weights import subset
from wgbench.types import Sampling, Split


@dataclass(frozen=True)
class SUBY(Algorithm):
    """Classes cut to the smallest class's size (Idrissi et al. 2022)."""

    redraw: bool = False
    own_epochs: bool = False

    def sampling(self, train: Split, rng: torch.Generator) -> Sampling:
        """A subset that is balanced over classes."""
        return Sampling(subset(train.label, train.n_classes, rng), self.redraw, self.own_epochs)


@dataclass(frozen=True)
class SUBG(SUBY):
    """Groups cut to the smallest group's size (Sagawa et al. 2020; Idrissi et al. 2022)."""

    needs: ClassVar[frozenset[str]] = frozenset({"train_group"})

    def sampling(self, train: Split, rng: torch.Generator) -> Sampling:
        """A subset that is balanced over groups."""
        return Sampling(subset(train.group, train.n_groups, rng), self.redraw, self.own_epochs)
