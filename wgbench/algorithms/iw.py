"""Importance weighting by sampling: examples are drawn with replacement, probability ~ 1/n_group; mean loss.

Shimodaira, "Improving predictive inference under covariate shift by weighting the log-likelihood function" (2000);
as run in "Understanding Overfitting in Reweighting Algorithms for Worst-group Performance" (2022), section 2.
`iw-loss` puts the same expected weight on the losses instead: batch statistics differ, so do results.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.weights import balanced
from wgbench.types import Sampling, Split


@dataclass(frozen=True)
class ImportanceWeighting(Algorithm):
    """Draws every group equally often, with replacement (Shimodaira 2000)."""

    needs: ClassVar[frozenset[str]] = frozenset({"train_group"})

    def sampling(self, train: Split, rng: torch.Generator) -> Sampling:  # noqa: ARG002
        """Probability ~ 1 / n_group."""
        return Sampling(balanced(train.group, train.n_groups))
