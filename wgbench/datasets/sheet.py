"""A contact sheet: examples of every group, a row each, for a person to look at."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wgbench.types import Split

CELL, GAP, LABEL = 128, 6, 20  # pixels


def sheet(split: Split, group_names: Sequence[str], per_group: int = 8) -> Image.Image:
    """`per_group` images of each group, the first ones in the split, under the group's name and size."""
    columns, counts = split.columns, split.columns.sum(0).tolist()
    width = GAP + per_group * (CELL + GAP)
    page = Image.new("RGB", (width, len(group_names) * (LABEL + CELL + GAP) + GAP), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for g, name in enumerate(group_names):
        top = GAP + g * (LABEL + CELL + GAP)
        pen.text((GAP, top), f"{name} ({counts[g]:,})", fill="black", font=font)
        for i, row in enumerate(columns[:, g].nonzero()[:per_group, 0].tolist()):
            page.paste(_fitted(pixels(split, row)), (GAP + i * (CELL + GAP), top + LABEL))
    return page


def pixels(split: Split, row: int) -> NDArray[np.uint8]:
    """An example as an image (H, W, 3); floats (3, H, W) are taken to lie in [0, 1], but for noise."""
    x = split.x[row]
    if x.dtype == torch.uint8:
        return np.asarray(x.numpy())
    return np.asarray((255 * x.clamp(0, 1)).byte().permute(1, 2, 0).numpy())


def _fitted(image: NDArray[np.uint8]) -> Image.Image:
    """Scaled to fit a cell: small images in whole pixels, large ones smoothly."""
    picture, longest = Image.fromarray(image), max(image.shape[:2])
    if longest < CELL:
        factor = CELL // longest
        return picture.resize((image.shape[1] * factor, image.shape[0] * factor), Image.Resampling.NEAREST)
    picture.thumbnail((CELL, CELL))
    return picture
