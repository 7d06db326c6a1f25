"""What the network sees: crops, flips and resizing of images, and normalisation.

Interpolation is PIL's bilinear resampling with antialiasing; crop parameters follow torchvision's RandomResizedCrop
with its ten tries and its centre fallback, drawn from the epoch's own stream.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from wgbench.bits import uniform
from wgbench.config import Views
from wgbench.types import Preprocess, Ragged, Split

TRIES = 10  # torchvision's


@dataclass(frozen=True)
class Crops:
    """Boxes and flips for a run of training examples, in the order in which they are visited."""

    top: NDArray[np.int64]
    left: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    flip: NDArray[np.bool_]

    def __getitem__(self, part: slice) -> "Crops":
        return Crops(self.top[part], self.left[part], self.height[part], self.width[part], self.flip[part])


class Inputs(Protocol):
    """The inputs of one split, on a device."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, channels first."""

    def crops(self, index: Tensor, *key: int) -> Crops | None:
        """Parameters of the training views of these examples; None where training views are the plain ones."""

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:
        """Training views (B, C, H, W)."""

    def eval(self, index: Tensor) -> Tensor:
        """Evaluation views (B, C, H, W)."""


def inputs(
    split: Split, views: Views | None, preprocess: Preprocess, device: torch.device, dtype: torch.dtype
) -> Inputs:
    """The inputs of a split, ready to be asked for batches."""
    if views is not None:
        return Pictures(split.x, views, preprocess, device, dtype)
    if isinstance(split.x, Ragged):
        raise ValueError("images of different sizes need recipe.views")
    return Resident(split.x, preprocess, device, dtype)


class Resident:
    """Inputs that need no augmentation: normalised once, kept on the device."""

    def __init__(self, x: Tensor, preprocess: Preprocess, device: torch.device, dtype: torch.dtype) -> None:
        self.x = _normalised(x, preprocess).to(device, dtype) if x.dim() == 4 else x.to(device, dtype)
        self.shape = tuple(self.x.shape[1:])

    def crops(self, index: Tensor, *key: int) -> Crops | None:  # noqa: ARG002
        """None: training sees what evaluation sees."""
        return None

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:  # noqa: ARG002
        """Rows of the resident tensor."""
        return self.x[index]

    def eval(self, index: Tensor) -> Tensor:
        """Rows of the resident tensor."""
        return self.x[index]


class Pictures:
    """Images at native resolution, cropped and resized for each batch."""

    def __init__(
        self, x: Tensor | Ragged, views: Views, preprocess: Preprocess, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.x, self.views, self.preprocess, self.device, self.dtype = x, views, preprocess, device, dtype
        self.height = np.asarray(x.height) if isinstance(x, Ragged) else np.full(len(x), x.shape[1])
        self.width = np.asarray(x.width) if isinstance(x, Ragged) else np.full(len(x), x.shape[2])
        self.shape: tuple[int, ...] = (x.channels if isinstance(x, Ragged) else x.shape[3], views.size, views.size)

    def crops(self, index: Tensor, *key: int) -> Crops | None:
        """Boxes and flips drawn from the key's stream, one row of it per example."""
        i = index.numpy()
        return random_crops(self.height[i], self.width[i], self.views, uniform(len(i) * PER_CROP, *key))

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:
        """Random crops, resized and flipped."""
        assert crops is not None
        boxes = zip(crops.left, crops.top, crops.left + crops.width, crops.top + crops.height, strict=True)
        size = (self.views.size, self.views.size)
        seen = []
        for i, box, flip in zip(index.tolist(), boxes, crops.flip, strict=True):
            view = Image.fromarray(self.x[i].numpy()).crop(box).resize(size, Image.Resampling.BILINEAR)
            seen.append(np.asarray(view)[:, ::-1] if flip else np.asarray(view))
        return self._batch(seen)

    def eval(self, index: Tensor) -> Tensor:
        """The recipe's evaluation geometry."""
        return self._batch([eval_view(self.x[i].numpy(), self.views) for i in index.tolist()])

    def _batch(self, seen: list[NDArray[np.uint8]]) -> Tensor:
        return _normalised(torch.from_numpy(np.stack(seen)), self.preprocess).to(self.device, self.dtype)


def eval_view(image: NDArray[np.uint8], views: Views) -> NDArray[np.uint8]:
    """Evaluation view (size, size, C) of an image (H, W, C)."""
    view = Image.fromarray(image)
    for step, n in views.eval:
        if step == "resize":
            view = view.resize((n, n), Image.Resampling.BILINEAR)
        else:  # torchvision's rounding of an odd margin
            left, top = round((view.width - n) / 2), round((view.height - n) / 2)
            view = view.crop((left, top, left + n, top + n))
    return np.asarray(view)


PER_CROP = 4 * TRIES + 1  # area, aspect, top, left for every try, and the flip


def random_crops(
    height: NDArray[np.int64], width: NDArray[np.int64], views: Views, draws: NDArray[np.float64]
) -> Crops:
    """RandomResizedCrop's boxes for n images from n x PER_CROP uniform draws.

    The first of ten tries that fits wins; if none does, the largest centred box within the aspect range.
    """
    n = len(height)
    u = draws.reshape(n, PER_CROP)
    flip = (u[:, -1] < 0.5) & views.flip
    if views.scale is None:
        return Crops(np.zeros(n, np.int64), np.zeros(n, np.int64), height, width, flip)
    area_u, aspect_u, top_u, left_u = (u[:, k : 4 * TRIES : 4] for k in range(4))  # (n, TRIES) each
    low, high = views.scale
    area = (height * width)[:, None] * (low + (high - low) * area_u)
    log_low, log_high = np.log(views.ratio)
    aspect = np.exp(log_low + (log_high - log_low) * aspect_u)
    w = np.rint(np.sqrt(area * aspect)).astype(np.int64)
    h = np.rint(np.sqrt(area / aspect)).astype(np.int64)
    fits = (w > 0) & (w <= width[:, None]) & (h > 0) & (h <= height[:, None])
    rows, first = np.arange(n), fits.argmax(1)
    fallback_h, fallback_w = _central(height, width, views.ratio)
    found = fits.any(1)
    box_h = np.where(found, h[rows, first], fallback_h)
    box_w = np.where(found, w[rows, first], fallback_w)
    top = np.where(found, (top_u[rows, first] * (height - box_h + 1)).astype(np.int64), (height - box_h) // 2)
    left = np.where(found, (left_u[rows, first] * (width - box_w + 1)).astype(np.int64), (width - box_w) // 2)
    return Crops(top, left, box_h, box_w, flip)


def _central(
    height: NDArray[np.int64], width: NDArray[np.int64], ratio: tuple[float, float]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Size of the centred box that has an aspect within `ratio`."""
    narrow, wide = width / height < min(ratio), width / height > max(ratio)
    h = np.where(narrow, np.rint(width / min(ratio)), height).astype(np.int64)
    w = np.where(wide, np.rint(height * max(ratio)), width).astype(np.int64)
    return h, w


def _normalised(x: Tensor, preprocess: Preprocess) -> Tensor:
    """(pixels - mean) / std, channels first; uint8 (N, H, W, C) is scaled to [0, 1] before."""
    if x.dtype == torch.uint8:
        x = x.permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v, dtype=x.dtype).view(1, -1, 1, 1) for v in (preprocess.mean, preprocess.std))
    return (x - mean) / std
