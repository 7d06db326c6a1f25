"""What the network sees, split by split and batch by batch: images, tables, texts.

Images are cropped, flipped, coloured and resized for every visit. How a view comes out is a function of the epoch's own
stream (`crops`), and how it is computed does not show: PIL in a thread (`pictures`), integers in batches on a device
(`on_device`), or PIL image by image in a loader (`reference`) give the same pixels.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from wgbench.config import Mode, Views
from wgbench.engine.ahead import slices
from wgbench.engine.crops import Crops
from wgbench.engine.on_device import OnDevice, fits
from wgbench.engine.pictures import Pictures, normalised
from wgbench.engine.reference import Loader
from wgbench.types import Preprocess, Ragged, Split, Tokens

EVAL_BATCH, TEXT_BATCH = 1024, 128  # examples that are evaluated at once
PLAIN = Mode()
PLAIN_PIXELS = 1 << 18  # of plain images that a CPU evaluates at once: with more, activations leave its caches


class Inputs(Protocol):
    """The inputs of one split, on a device."""

    def batches(self) -> Sequence[Tensor]:
        """Indices of all examples, in the batches in which they are best evaluated."""

    def crops(self, index: Tensor, *key: int) -> Crops | None:
        """Parameters of the training views of these examples; None where training views are the plain ones."""

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:
        """Training views (B, C, H, W)."""

    def eval(self, index: Tensor) -> Tensor:
        """Evaluation views (B, C, H, W)."""

    def training(self, visits: Tensor, crops: Crops | None, size: int) -> Iterator[Tensor]:
        """Training views of all visits of an epoch, in batches of `size`: as `train` makes them, with less waiting."""

    def evaluation(self) -> Iterator[Tensor]:
        """Evaluation views of `batches()`: as `eval` makes them, with less waiting."""


def inputs(
    split: Split,
    views: Views | None,
    preprocess: Preprocess,
    device: torch.device,
    dtype: torch.dtype,
    cache: Path | None = None,
    mode: Mode = PLAIN,
) -> Inputs:
    """The inputs of a split, ready to be asked for batches. Evaluation views are kept in `cache`, if there is one."""
    if isinstance(split.x, Tokens):
        return Texts(split.x, device)
    if views is not None:
        if mode.pipeline == "reference":
            return Loader(split.x, views, preprocess, device, dtype)
        if device.type == "cuda" and fits(split.x, views, device):  # pragma: no cover - on a GPU only
            return OnDevice(split.x, views, preprocess, device, dtype, cache, compiled=mode.compiled)
        return Pictures(split.x, views, preprocess, device, dtype, cache)
    if isinstance(split.x, Ragged):
        raise ValueError("images of different sizes need recipe.views")
    return Resident(split.x, preprocess, device, dtype)


class Resident:
    """Inputs that need no augmentation: normalised once, kept on the device."""

    def __init__(self, x: Tensor, preprocess: Preprocess, device: torch.device, dtype: torch.dtype) -> None:
        self.x = normalised(x, preprocess).to(device, dtype) if x.dim() == 4 else x.to(device, dtype)
        pixels = self.x[0, 0].numel() if self.x.dim() == 4 and device.type == "cpu" else 1
        self.size = max(1, min(EVAL_BATCH, PLAIN_PIXELS // pixels))

    def batches(self) -> Sequence[Tensor]:
        """In order."""
        return torch.split(torch.arange(len(self.x)), self.size)

    def crops(self, index: Tensor, *key: int) -> Crops | None:  # noqa: ARG002
        """None: training sees what evaluation sees."""
        return None

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:  # noqa: ARG002
        """Rows of the resident tensor."""
        return self.x[index]

    def eval(self, index: Tensor) -> Tensor:
        """Rows of the resident tensor."""
        return self.x[index]

    def training(self, visits: Tensor, crops: Crops | None, size: int) -> Iterator[Tensor]:  # noqa: ARG002
        """Rows of the resident tensor; the indices go to the device once."""
        index = visits.to(self.x.device)
        return (self.x[index[part]] for part in slices(len(index), size))

    def evaluation(self) -> Iterator[Tensor]:
        """The resident tensor, cut."""
        return iter(torch.split(self.x, self.size))


class Texts:
    """Token ids, padded for each batch to its longest text."""

    def __init__(self, x: Tokens, device: torch.device) -> None:
        self.x, self.device = x, device

    def batches(self) -> Sequence[Tensor]:
        """Texts of about the same length together: little of what is computed is padding."""
        return torch.split(self.x.length.argsort(stable=True), TEXT_BATCH)

    def crops(self, index: Tensor, *key: int) -> Crops | None:  # noqa: ARG002
        """None: training sees what evaluation sees."""
        return None

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:  # noqa: ARG002
        """Token ids and parts, (B, L, 2)."""
        return self.eval(index)

    def eval(self, index: Tensor) -> Tensor:
        """Token ids and parts, (B, L, 2)."""
        return self.x.gather(index).to(self.device)

    def training(self, visits: Tensor, crops: Crops | None, size: int) -> Iterator[Tensor]:  # noqa: ARG002
        """Batch by batch."""
        return (self.eval(visits[part]) for part in slices(len(visits), size))

    def evaluation(self) -> Iterator[Tensor]:
        """Batch by batch."""
        return map(self.eval, self.batches())
