"""Images at native resolution, cropped and resized by PIL; and what the network takes pixels as."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wgbench.config import Views
from wgbench.engine.ahead import ahead, slices
from wgbench.engine.crops import Crops, drawn
from wgbench.engine.pil import eval_view, training_view
from wgbench.engine.seen import evaluation_views
from wgbench.types import Preprocess, Ragged

EVAL_BATCH = 1024  # images that a GPU evaluates at once
CACHED_PIXELS = 1 << 20  # of images that a CPU evaluates at once: with more, activations leave the caches


class Pictures:
    """A split's images: one batch is made ahead of the network."""

    def __init__(
        self,
        x: Tensor | Ragged,
        views: Views,
        preprocess: Preprocess,
        device: torch.device,
        dtype: torch.dtype,
        cache: Path | None = None,
    ) -> None:
        self.x, self.views, self.preprocess, self.device, self.dtype = x, views, preprocess, device, dtype
        self.height = np.asarray(x.height) if isinstance(x, Ragged) else np.full(len(x), x.shape[1])
        self.width = np.asarray(x.width) if isinstance(x, Ragged) else np.full(len(x), x.shape[2])
        self.seen = evaluation_views(x, views, cache) if cache is not None else None  # (N, size, size, C)

    def batches(self) -> Sequence[Tensor]:
        """In order."""
        size = EVAL_BATCH if self.device.type != "cpu" else max(1, CACHED_PIXELS // self.views.size**2)
        return torch.split(torch.arange(len(self.x)), size)

    def crops(self, index: Tensor, *key: int) -> Crops | None:
        """Boxes, flips and colours drawn from the key's stream, one row of it per example."""
        i = index.numpy()
        return drawn(self.height[i], self.width[i], self.views, *key)

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:
        """Random crops, resized, jittered and flipped."""
        assert crops is not None
        images = (self.x[i].numpy() for i in index.tolist())
        seen = [training_view(x, crops, k, self.views.size) for k, x in enumerate(images)]
        return self._ready(torch.from_numpy(np.stack(seen)))

    def eval(self, index: Tensor) -> Tensor:
        """The recipe's evaluation geometry."""
        return self._ready(self.pixels(index))

    def pixels(self, index: Tensor) -> Tensor:
        """Evaluation views before normalisation, (B, size, size, C) uint8."""
        if self.seen is not None:
            return self.seen[index]
        return torch.from_numpy(np.stack([eval_view(self.x[i].numpy(), self.views) for i in index.tolist()]))

    def training(self, visits: Tensor, crops: Crops | None, size: int) -> Iterator[Tensor]:
        """A batch ahead: PIL and the network's kernels both work without Python's lock."""
        assert crops is not None
        return ahead(lambda part: self.train(visits[part], crops[part]), slices(len(visits), size))

    def evaluation(self) -> Iterator[Tensor]:
        """A batch ahead."""
        return ahead(self.eval, self.batches())

    def _ready(self, pixels: Tensor) -> Tensor:
        """Images (B, H, W, C) uint8 as what the network takes; only bytes travel to a GPU."""
        if self.device.type == "cuda":  # pragma: no cover - on a GPU only
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        return normalised(pixels, self.preprocess).to(self.device, self.dtype)


def normalised(x: Tensor, preprocess: Preprocess) -> Tensor:
    """(pixels - mean) / std, channels first; uint8 (N, H, W, C) is scaled to [0, 1] before, and stays channels_last."""
    if x.dtype == torch.uint8:
        x = x.permute(0, 3, 1, 2).float().div_(255)  # ours: what follows may overwrite it
        mean, std = (_per_channel(v, x.dtype, x.device) for v in (preprocess.mean, preprocess.std))
        return x.sub_(mean).div_(std)
    mean, std = (_per_channel(v, x.dtype, x.device) for v in (preprocess.mean, preprocess.std))
    return (x - mean) / std


@lru_cache
def _per_channel(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Constants, moved to a device once: each move waits for it."""
    return torch.tensor(values, dtype=dtype).view(1, -1, 1, 1).to(device)
