"""Randomness as a counter-based stream: every draw is a function of a key such as (seed, stage, epoch).

Everything below is arithmetic on raw bits: the same permutations, draws and crops on any device, number of workers
and version of numpy.
"""

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from wgbench.bits import bits, uniform
from wgbench.types import Sampling


class For(IntEnum):
    """What the bits are for: the last part of a key, so that uses never share bits."""

    INIT = 1
    SAMPLING = 2
    ORDER = 3
    CROPS = 4
    TORCH = 5
    REFIT = 6
    ALGORITHM = 7


def torch_seed(*key: int) -> int:
    """A seed for a torch generator."""
    return int(bits(1, *key)[0] >> np.uint64(1))


def generator(*key: int) -> torch.Generator:
    """A torch generator on the CPU, keyed."""
    return torch.Generator().manual_seed(torch_seed(*key))


def order(sampling: Sampling, n: int, *key: int) -> Tensor:
    """Indices of the `n` examples that an epoch visits, (n,) int64.

    Integer weights: fresh permutations of the multiset, one after another, cut at n. Float weights: draws.
    """
    weight = sampling.weight.cpu().numpy()
    if np.issubdtype(weight.dtype, np.floating):
        edges = np.cumsum(weight.astype(np.float64))
        drawn = np.searchsorted(edges, uniform(n, *key) * edges[-1], side="right")
        return torch.from_numpy(np.minimum(drawn, len(edges) - 1))  # rounding may reach the last edge
    pool = np.repeat(np.arange(len(weight)), weight)
    passes = -(-n // len(pool))
    ranks = np.argsort(bits(passes * len(pool), *key).reshape(passes, len(pool)), axis=1, kind="stable")
    return torch.from_numpy(pool[ranks].reshape(-1)[:n])
