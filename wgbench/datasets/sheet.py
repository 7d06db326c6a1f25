"""A contact sheet: examples of every group, a row each, for a person to look at."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from wgbench.types import Split

CELL, GAP, LABEL, MARGIN = 128, 6, 24, 12  # pixels


def sheet(split: Split, group_names: Sequence[str], per_group: int = 8) -> Image.Image:
    """`per_group` images of each group, the first ones in the split, under the group's name and size."""
    columns, counts = split.columns, split.columns.sum(0).tolist()
    rows = [columns[:, g].nonzero()[:per_group, 0].tolist() for g in range(len(group_names))]
    cells = [[_fitted(pixels(split, i)) for i in row] for row in rows]
    width = max((cell.width for row in cells for cell in row), default=CELL)
    heights = [LABEL + max((cell.height for cell in row), default=0) + MARGIN for row in cells]
    font = ImageFont.load_default(14)
    labels = [f"{name} ({n:,})" for name, n in zip(group_names, counts, strict=True)]
    longest = max((int(font.getlength(label)) for label in labels), default=0)
    across = max([longest, *(len(row) * (width + GAP) - GAP for row in cells)])
    page = Image.new("RGB", (across + 2 * MARGIN, sum(heights) + MARGIN), "white")
    pen, top = ImageDraw.Draw(page), MARGIN
    for label, row, height in zip(labels, cells, heights, strict=True):
        pen.text((MARGIN, top), label, fill="black", font=font)
        for i, cell in enumerate(row):
            page.paste(cell, (MARGIN + i * (width + GAP) + (width - cell.width) // 2, top + LABEL))
        top += height
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
    picture.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    return picture
