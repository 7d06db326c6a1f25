"""Arithmetic that algorithms share: pure, without host syncs, fit for vmap."""

import torch
from torch import Tensor


def one_hot(key: Tensor, n: int, like: Tensor) -> Tensor:
    """Keys (B,) to indicator columns (B, n) in the dtype and on the device of `like`."""
    return (key[:, None] == torch.arange(n, device=key.device)).to(like)


def group_means(losses: Tensor, group: Tensor, n_groups: int) -> tuple[Tensor, Tensor]:
    """Mean loss per group in a batch, 0 for an absent group, and examples per group: (G,), (G,)."""
    columns = one_hot(group, n_groups, losses)
    count = columns.sum(0)
    return losses @ columns / count.clamp(min=1), count


def counts(key: Tensor, n: int) -> Tensor:
    """Examples per key over a whole split, (n,) int64."""
    return torch.bincount(key, minlength=n)


def balanced(key: Tensor, n: int) -> Tensor:
    """Sampling weights 1 / n_key: every key that occurs is drawn equally often, (N,) float64."""
    return (1.0 / counts(key, n).clamp(min=1).double())[key]
