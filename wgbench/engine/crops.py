"""Boxes, flips and colours of training views, as torchvision's RandomResizedCrop and ColorJitter draw them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wgbench.bits import uniform
from wgbench.config import Views

TRIES = 10  # torchvision's
PER_CROP = 4 * TRIES + 1  # draws: area, aspect, top, left for every try, and the flip
COLOUR = 1  # what is added to a key for the draws of colours


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


def drawn(height: NDArray[np.int64], width: NDArray[np.int64], views: Views, *key: int) -> Crops:
    """Crops for n images of these sizes from the key's stream, one row of it per image."""
    crops = random_crops(height, width, views, uniform(len(height) * PER_CROP, *key))
    if not views.jitter:
        return crops
    # A key of its own: crops and flips are those of views without jitter.
    factors = 1 + views.jitter * (2 * uniform(len(height) * 3, *key, COLOUR) - 1)
    return replace(crops, colour=factors.reshape(-1, 3))


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
