"""Plain containers that plug-ins and the engine exchange."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

State = dict[str, Tensor]


class Batch(NamedTuple):
    """The examples of one step, without their inputs."""

    index: Tensor  # type: ignore[assignment]  # hides tuple.index; (B,) position in the training split
    label: Tensor  # (B,)
    group: Tensor  # (B,)


@dataclass(frozen=True)
class Ragged:
    """Images of different sizes in one flat uint8 buffer, each stored as (height, width, channels)."""

    data: Tensor  # (bytes,) uint8, may be memory-mapped
    offset: Tensor  # (N,) first byte of each image
    height: Tensor  # (N,)
    width: Tensor  # (N,)
    channels: int = 3

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, i: int) -> Tensor:
        """Image `i`, (height, width, channels) uint8, a view."""
        start, h, w = int(self.offset[i]), int(self.height[i]), int(self.width[i])
        return self.data[start : start + h * w * self.channels].view(h, w, self.channels)

    def take(self, index: Tensor) -> "Ragged":
        """Some of the images, in the order of `index`, on the same buffer."""
        return Ragged(self.data, self.offset[index], self.height[index], self.width[index], self.channels)

    def gather(self, index: Tensor) -> list[Tensor]:
        """The images of a batch, as views."""
        return [self[i] for i in index.tolist()]


@dataclass(frozen=True)
class Split:
    """One split of a dataset. `group` is the one used in training; `membership` says which groups score an example.

    `x` is a float tensor (N, ...), a uint8 tensor of images (N, H, W, C), or `Ragged` images.
    """

    x: Tensor | Ragged
    label: Tensor  # (N,) int64
    group: Tensor  # (N,) int64
    n_classes: int
    n_groups: int
    membership: Tensor | None = None  # (N, G) bool where groups overlap; otherwise the one-hot of group

    def __len__(self) -> int:
        return len(self.label)

    @property
    def columns(self) -> Tensor:
        """Membership of every example in every group, (N, G) bool."""
        if self.membership is not None:
            return self.membership
        return torch.nn.functional.one_hot(self.group, self.n_groups).bool()


@dataclass(frozen=True)
class Data:
    """What an algorithm may train on. The test split is not here."""

    train: Split
    val: Split


@dataclass(frozen=True)
class Sampling:
    """How training visits the examples.

    Integer weights are copies in a multiset that is passed over without replacement; float weights are
    probabilities, up to a factor, of draws with replacement. `redraw` asks the algorithm again at each epoch. With
    `own_epochs` an epoch is a pass over the multiset, not as many steps as every other algorithm's.
    """

    weight: Tensor  # (N,)
    redraw: bool = False
    own_epochs: bool = False

    @property
    def probability(self) -> Tensor:
        """Chance of each example at each draw, (N,) float64, sums to 1."""
        weight = self.weight.double()
        return weight / weight.sum()


@dataclass(frozen=True)
class Preprocess:
    """How a backbone wants its images: pixels / 255, minus mean, divided by std, per channel. `size` if it has one."""

    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    size: int | None = None


@dataclass(frozen=True)
class Spec:
    """What a backbone is built for."""

    shape: tuple[int, ...]  # of one input, channels first
    n_outputs: int
    pretrained: bool = False
    weights: Path | None = None  # a file with initial weights, instead of the hub's


@dataclass(frozen=True)
class Root:
    """Where a dataset reads and writes: `data` belongs to the user and is read-only, `cache` is ours."""

    cache: Path
    data: Path | None = None
