"""Views of single images, made by PIL: bilinear resampling with antialiasing, as the field's loaders do it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from wgbench.config import Views
from wgbench.engine.crops import Crops


def training_view(image: NDArray[np.uint8], crops: Crops, row: int, size: int) -> NDArray[np.uint8]:
    """Training view (size, size, C) of an image (H, W, C): the crop of one row, resized, jittered, flipped."""
    top, left = crops.top[row], crops.left[row]
    part = image[top : top + crops.height[row], left : left + crops.width[row]]
    view = Image.fromarray(part).resize((size, size), Image.Resampling.BILINEAR)
    view = view if crops.colour is None else jittered(view, crops.colour[row])
    return np.asarray(view)[:, ::-1] if crops.flip[row] else np.asarray(view)


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
