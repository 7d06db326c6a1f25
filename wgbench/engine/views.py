"""What the network sees: crops, flips, colours and resizing of images, and normalisation.

Interpolation is PIL's bilinear resampling with antialiasing; crop parameters follow torchvision's RandomResizedCrop
with its ten tries and its centre fallback, drawn from the epoch's own stream.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor

from wgbench.bits import uniform
from wgbench.config import Views
from wgbench.datasets import flat
from wgbench.datasets.flat import Item
from wgbench.types import Preprocess, Ragged, Split, Tokens

TRIES = 10  # torchvision's
EVAL_BATCH, TEXT_BATCH = 1024, 128  # examples that are evaluated at once
COLOUR = 1  # what is added to a key for the draws of colours
CHUNK = 256  # images that threads resize at once


@dataclass(frozen=True)
class Crops:
    """Boxes and flips for a run of training examples, in the order in which they are visited."""

    top: NDArray[np.int64]
    left: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    flip: NDArray[np.bool_]
    colour: NDArray[np.float64] | None = None  # (n, 3) factors of brightness, contrast, saturation

    def __getitem__(self, part: slice) -> "Crops":
        colour = None if self.colour is None else self.colour[part]
        return Crops(self.top[part], self.left[part], self.height[part], self.width[part], self.flip[part], colour)


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


def inputs(
    split: Split,
    views: Views | None,
    preprocess: Preprocess,
    device: torch.device,
    dtype: torch.dtype,
    cache: Path | None = None,
) -> Inputs:
    """The inputs of a split, ready to be asked for batches. Evaluation views are kept in `cache`, if there is one."""
    if isinstance(split.x, Tokens):
        return Texts(split.x, device)
    if views is not None:
        return Pictures(split.x, views, preprocess, device, dtype, cache)
    if isinstance(split.x, Ragged):
        raise ValueError("images of different sizes need recipe.views")
    return Resident(split.x, preprocess, device, dtype)


class Resident:
    """Inputs that need no augmentation: normalised once, kept on the device."""

    def __init__(self, x: Tensor, preprocess: Preprocess, device: torch.device, dtype: torch.dtype) -> None:
        self.x = _normalised(x, preprocess).to(device, dtype) if x.dim() == 4 else x.to(device, dtype)

    def batches(self) -> Sequence[Tensor]:
        """In order."""
        return torch.split(torch.arange(len(self.x)), EVAL_BATCH)

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
        return torch.split(torch.arange(len(self.x)), EVAL_BATCH)

    def crops(self, index: Tensor, *key: int) -> Crops | None:
        """Boxes and flips drawn from the key's stream, one row of it per example."""
        i = index.numpy()
        crops = random_crops(self.height[i], self.width[i], self.views, uniform(len(i) * PER_CROP, *key))
        if not self.views.jitter:
            return crops
        # A key of its own: crops and flips are those of views without jitter.
        factors = 1 + self.views.jitter * (2 * uniform(len(i) * 3, *key, COLOUR) - 1)
        return replace(crops, colour=factors.reshape(-1, 3))

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:
        """Random crops, resized, flipped and jittered."""
        assert crops is not None
        boxes = zip(crops.left, crops.top, crops.left + crops.width, crops.top + crops.height, strict=True)
        size = (self.views.size, self.views.size)
        seen = []
        for row, (i, box, flip) in enumerate(zip(index.tolist(), boxes, crops.flip, strict=True)):
            view = Image.fromarray(self.x[i].numpy()).crop(box).resize(size, Image.Resampling.BILINEAR)
            view = view if crops.colour is None else jittered(view, crops.colour[row])
            seen.append(np.asarray(view)[:, ::-1] if flip else np.asarray(view))
        return self._batch(seen)

    def eval(self, index: Tensor) -> Tensor:
        """The recipe's evaluation geometry."""
        if self.seen is not None:
            return self._ready(self.seen[index])
        return self._batch([eval_view(self.x[i].numpy(), self.views) for i in index.tolist()])

    def _batch(self, seen: list[NDArray[np.uint8]]) -> Tensor:
        return self._ready(torch.from_numpy(np.stack(seen)))

    def _ready(self, images: Tensor) -> Tensor:
        return _normalised(images, self.preprocess).to(self.device, self.dtype)


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


def evaluation_views(x: Tensor | Ragged, views: Views, cache: Path) -> Tensor:
    """Evaluation views (N, size, size, C) of all images: made once, in threads, and kept beside the decoded images."""
    folder = cache / "views" / _key(x, views)
    threads = min(8, os.cpu_count() or 1)

    def made(_: Path) -> Iterator[Item | str]:
        with ThreadPoolExecutor(threads) as pool:  # resampling releases the GIL
            for start in range(0, len(x), CHUNK):
                rows = range(start, min(start + CHUNK, len(x)))
                yield from pool.map(
                    lambda i: flat.item(np.ascontiguousarray(eval_view(x[i].numpy(), views)), (views.size,)), rows
                )

    resampling = f"pillow {PIL.__version__}"
    manifest: dict[str, object] = {"eval": [list(step) for step in views.eval], "resampling": resampling}
    if isinstance(x, Ragged) and x.store is not None:
        manifest["made_from"] = str(x.store.resolve())  # views of a store that is gone are removed
    remedy = "delete the folder: it is made again"
    plan = flat.Plan(len(x), np.uint8, "evaluation views", "view", "resizing", made, manifest, remedy)
    return flat.open_or_build(folder, plan).data.view(len(x), views.size, views.size, -1)


def _key(x: Tensor | Ragged, views: Views) -> str:
    """What evaluation views are made from: which images, which steps, which version of the resampling."""
    seen = hashlib.sha256(f"1 pillow {PIL.__version__} {views.eval}".encode())
    if isinstance(x, Ragged) and x.store is not None:
        seen.update(f"{x.store.parent.name}/{x.store.name}".encode())
        seen.update(x.offset.numpy().tobytes())
    elif isinstance(x, Ragged):
        seen.update(torch.cat([x.offset, x.height, x.width]).numpy().tobytes())
        seen.update(x.data.numpy().data)
    else:
        seen.update(str(tuple(x.shape)).encode())
        seen.update(x.contiguous().numpy().data)
    return seen.hexdigest()[:32]


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


def jittered(view: Image.Image, colour: NDArray[np.float64]) -> Image.Image:
    """Brightness, contrast and saturation times three factors, as torchvision's ColorJitter does it with PIL."""
    for kind, factor in zip((ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), colour, strict=True):
        view = kind(view).enhance(float(factor))
    return view


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
