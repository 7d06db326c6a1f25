"""Small training sets on which the theorems are measured: Gaussian inputs in the unit ball, four unequal groups."""

from dataclasses import dataclass

import torch
from torch import Tensor

from wgbench.engine import stream
from wgbench.engine.stream import For
from wgbench.types import Split

SIZES = {8: (3, 1, 1, 3), 12: (5, 1, 1, 5), 20: (9, 1, 2, 8)}  # examples -> per group, label x attribute


@dataclass(frozen=True)
class Problem:
    """A training set, shared labels and groups, for several draws of the inputs."""

    x: Tensor  # (S, n, ...) float64, |x| <= 1
    x_test: Tensor  # (S, m, ...)
    split: Split  # labels and groups; its inputs are those of the first draw

    @property
    def y(self) -> Tensor:
        """Targets in {-1, 1}, (n,)."""
        return 2.0 * self.split.label.double() - 1


def gaussian(n: int, n_test: int, shape: tuple[int, ...], draws: int, sphere: bool = False) -> Problem:
    """Gaussian inputs, scaled so that the longest has norm 1; `sphere`: so that each has."""
    points = []
    for draw in range(draws):
        rng = stream.generator(draw, n, For.SAMPLING)
        x = torch.randn(n + n_test, *shape, generator=rng, dtype=torch.float64)
        norm = x.flatten(1).norm(dim=1).view(-1, *[1] * len(shape))
        points.append(x / (norm if sphere else norm.max()))
    x = torch.stack(points)
    group = torch.repeat_interleave(torch.arange(4), torch.tensor(SIZES[n]))
    return Problem(x[:, :n], x[:, n:], Split(x[0, :n], group // 2, group, 2, 4))


def moments(steps: int, count: int = 100, also: tuple[int, ...] = (50,)) -> list[int]:
    """Steps at which curves are recorded: spread evenly over the logarithm, from 0 to the end."""
    spread = torch.logspace(0, torch.log10(torch.tensor(float(steps))).item(), count, dtype=torch.float64)
    return sorted({0, steps, *(round(s) for s in spread.tolist()), *(a for a in also if a <= steps)})
