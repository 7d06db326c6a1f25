"""Group DRO on group-balanced batches, as its authors run it.

Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts" (ICLR 2020): the sampler draws groups
equally often, with replacement. `gdro` is the same rule with plain shuffling. Papers compare both under one name.
"""

from dataclasses import dataclass

import torch

from wgbench.algorithms.gdro import GroupDRO
from wgbench.algorithms.weights import balanced
from wgbench.types import Sampling, Split


@dataclass(frozen=True)
class BalancedGroupDRO(GroupDRO):
    """Group DRO whose batches hold every group equally often (Sagawa et al. 2020)."""

    def sampling(self, train: Split, rng: torch.Generator) -> Sampling:  # noqa: ARG002
        """Probability ~ 1 / n_group."""
        return Sampling(balanced(train.group, train.n_groups))
