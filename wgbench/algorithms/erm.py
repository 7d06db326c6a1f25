"""Empirical risk minimisation: q_i = 1/n for every example."""

from dataclasses import dataclass

from wgbench.algorithms.base import Algorithm


@dataclass(frozen=True)
class ERM(Algorithm):
    """Minimises the mean loss over the training set (Vapnik 1991); the baseline of every comparison."""
