"""Plain containers that plug-ins and the engine exchange."""

from dataclasses import dataclass, replace
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
    store: Path | None = None  # the folder that holds the buffer, if it lies on disk

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, i: int) -> Tensor:
        """Image `i`, (height, width, channels) uint8, a view."""
        start, h, w = int(self.offset[i]), int(self.height[i]), int(self.width[i])
        return self.data[start : start + h * w * self.channels].view(h, w, self.channels)

    def take(self, index: Tensor) -> "Ragged":
        """Some of the images, in the order of `index`, on the same buffer."""
        return replace(self, offset=self.offset[index], height=self.height[index], width=self.width[index])

    def gather(self, index: Tensor) -> list[Tensor]:
        """The images of a batch, as views."""
        return [self[i] for i in index.tolist()]


@dataclass(frozen=True)
class Tokens:
    """Texts as token ids in one flat buffer. A text may be a pair: its second part starts at `second`."""

    data: Tensor  # (tokens,) int32, may be memory-mapped
    offset: Tensor  # (N,) first token of each text
    length: Tensor  # (N,)
    second: Tensor  # (N,) where the second part starts; the length of a text that has one part

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, i: int) -> Tensor:
        """Token ids of text `i`, (length,) int32, a view."""
        start = int(self.offset[i])
        return self.data[start : start + int(self.length[i])]

    def take(self, index: Tensor) -> "Tokens":
        """Some of the texts, in the order of `index`, on the same buffer."""
        return Tokens(self.data, self.offset[index], self.length[index], self.second[index])

    def gather(self, index: Tensor) -> Tensor:
        """A batch (B, L, 2) int64 padded to its longest text: token id, and 1 or 2 for the part; 0, 0 is padding."""
        length, second = self.length[index], self.second[index]
        place = torch.arange(int(length.max()) if len(index) else 0)  # (L,)
        there = place < length[:, None]  # (B, L)
        ids = self.data[torch.where(there, self.offset[index][:, None] + place, 0)].long()
        part = 1 + (place >= second[:, None]).long()
        return torch.stack([ids, part], 2) * there[:, :, None]


@dataclass(frozen=True)
class Split:
    """One split of a dataset. `group` is the one used in training; `membership` says which groups score an example.

    `x` is a float tensor (N, ...), a uint8 tensor of images (N, H, W, C), `Ragged` images, or `Tokens` of texts. Groups
    that score need not be the training groups, nor as many.
    """

    x: Tensor | Ragged | Tokens
    label: Tensor  # (N,) int64
    group: Tensor  # (N,) int64, below n_groups
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
    """How a backbone wants its inputs.

    Images: pixels / 255, minus mean, divided by std, per channel; `size` if it has one. Texts: a tokenizer, `words:<n>`
    or `hub:<name>@<revision>`; None for networks that do not read texts.
    """

    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    size: int | None = None
    tokenizer: str | None = None


@dataclass(frozen=True)
class Spec:
    """What a backbone is built for."""

    shape: tuple[int, ...]  # of one input, channels first; (longest,) of texts
    n_outputs: int
    pretrained: bool = False
    weights: Path | None = None  # a file with initial weights, instead of the hub's


@dataclass(frozen=True)
class Root:
    """Where a dataset reads and writes: `data` belongs to the user and is read-only, `cache` is ours."""

    cache: Path
    data: Path | None = None
