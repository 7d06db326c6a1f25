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


def in_top(losses: Tensor, size: float) -> Tensor:
    """Share of each example that lies among the `size` largest losses, (B,) in [0, 1], summing to `size`.

    `size` may be fractional; equal losses share, so that permuting a batch permutes the shares.
    """
    if size <= 0:
        return torch.zeros_like(losses)
    last = min(len(losses), max(1, -int(-size // 1)))  # rank of the example that the remainder falls on
    edge = losses.topk(last).values[-1]
    above, at = (losses > edge).to(losses), (losses == edge).to(losses)
    return above + at * ((size - above.sum()) / at.sum()).clamp(0, 1)


def counts(key: Tensor, n: int) -> Tensor:
    """Examples per key over a whole split, (n,) int64."""
    return torch.bincount(key, minlength=n)


def balanced(key: Tensor, n: int) -> Tensor:
    """Sampling weights 1 / n_key: every key that occurs is drawn equally often, (N,) float64."""
    return (1.0 / counts(key, n).clamp(min=1).double())[key]


def subset(key: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """1 for a random subset that holds every key that occurs as often as the rarest one, else 0: (N,) int64."""
    present = counts(key, n)
    smallest = int(present[present > 0].min())
    keep = torch.zeros(len(key), dtype=torch.int64)
    for k in present.nonzero()[:, 0].tolist():
        members = (key == k).nonzero()[:, 0]
        keep[members[torch.randperm(len(members), generator=rng)[:smallest]]] = 1
    return keep


def half(key: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """Membership in a random half of the examples of every key, rounded down, (N,) bool."""
    chosen = torch.zeros(len(key), dtype=torch.bool)
    for k in range(n):
        members = (key == k).nonzero()[:, 0]
        chosen[members[torch.randperm(len(members), generator=rng)[: len(members) // 2]]] = True
    return chosen
