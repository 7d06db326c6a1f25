"""Images that live on the device at native resolution, cropped there in batches with PIL's own integers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgbench.config import Views
from wgbench.engine.ahead import slices
from wgbench.engine.crops import Crops, drawn
from wgbench.engine.pictures import EVAL_BATCH, Pictures, normalised
from wgbench.engine.resample import Boxes, boxes, resized
from wgbench.types import Preprocess, Ragged

SHARE = 0.6  # of a device's free memory that images may take


def fits(x: Tensor | Ragged, views: Views, device: torch.device) -> bool:  # pragma: no cover - on a GPU only
    """Whether a split can live on a CUDA device: its images and evaluation views, and no colours, which PIL makes."""
    data = x.data if isinstance(x, Ragged) else x
    free, _ = torch.cuda.mem_get_info(device)
    return views.jitter == 0 and data.numel() + len(x) * 3 * views.size**2 <= SHARE * free


class OnDevice:
    """A split's images on a device; nothing but indices and boxes goes there afterwards, once per epoch."""

    def __init__(
        self,
        x: Tensor | Ragged,
        views: Views,
        preprocess: Preprocess,
        device: torch.device,
        dtype: torch.dtype,
        cache: Path | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        self.compiled = compiled
        self.views, self.preprocess, self.device, self.dtype = views, preprocess, device, dtype
        ragged = x if isinstance(x, Ragged) else _as_ragged(x)
        self.channels = ragged.channels
        self.high, self.wide = np.asarray(ragged.height), np.asarray(ragged.width)
        self.longest = int(max(self.high.max(), self.wide.max()))
        self.data = ragged.data.to(device)
        self.offset, self.width = ragged.offset.to(device), ragged.width.to(device)
        # The same evaluation views as PIL makes them, from the cache where there is one.
        made = Pictures(x, views, preprocess, torch.device("cpu"), dtype, cache)
        self.seen = made.pixels(torch.arange(len(x))).to(device)

    def batches(self) -> Sequence[Tensor]:
        """In order."""
        return torch.split(torch.arange(len(self.seen)), EVAL_BATCH)

    def crops(self, index: Tensor, *key: int) -> Crops | None:
        """Boxes and flips drawn from the key's stream, one row of it per example."""
        i = index.numpy()
        return drawn(self.high[i], self.wide[i], self.views, *key)

    def boxes(self, visits: Tensor, crops: Crops) -> Boxes:
        """Crops of these examples, on the device: the copy waits for it."""
        index = visits.to(self.device)
        return boxes(crops, self.offset[index], self.width[index], self.channels)

    def cropped(self, box: Boxes) -> Tensor:
        """Training views of boxes, (B, C, H, W): no copy, no waiting, and the same shapes every time."""
        size, longest = self.views.size, self.longest
        return self._ready(resized(self.data, box, size, self.channels, longest, compiled=self.compiled))

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:
        """Random crops, resized and flipped."""
        assert crops is not None
        return self.cropped(self.boxes(index, crops))

    def eval(self, index: Tensor) -> Tensor:
        """The recipe's evaluation geometry."""
        return self._ready(self.seen[index.to(self.device)])

    def training(self, visits: Tensor, crops: Crops | None, size: int) -> Iterator[Tensor]:
        """Boxes go to the device once; the rest happens there."""
        assert crops is not None
        box = self.boxes(visits, crops)
        return (self.cropped(box[part]) for part in slices(len(visits), size))

    def evaluation(self) -> Iterator[Tensor]:
        """Parts of the views on the device."""
        return map(self._ready, torch.split(self.seen, EVAL_BATCH))

    def _ready(self, pixels: Tensor) -> Tensor:
        return normalised(pixels, self.preprocess).to(self.dtype)


def _as_ragged(x: Tensor) -> Ragged:
    """Images (N, H, W, C) as images that happen to have one size."""
    n, height, width, channels = x.shape
    offset = torch.arange(n) * (height * width * channels)
    return Ragged(x.reshape(-1), offset, torch.full((n,), height), torch.full((n,), width), channels)
