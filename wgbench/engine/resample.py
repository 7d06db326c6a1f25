"""RandomResizedCrop for a batch, equal to PIL bit for bit: bilinear, antialiased, on any device.

PIL resamples 8-bit images in fixed point: triangle weights rounded to 22 bits, one axis after the other, rounded and
clamped to uint8 in between. The same integers, gathered, give the same pixels. From version 13 on Pillow takes the
vertical axis first where that saves work, which changes the rounding in between: this follows the installed version.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import PIL
import torch
from torch import Tensor

from wgbench.engine.crops import Crops

BITS = 22  # of PIL's weights
VERTICAL_FIRST = int(PIL.__version__.partition(".")[0]) >= 13


@dataclass(frozen=True)
class Boxes:
    """Crops of images that lie in one flat buffer, each as (height, width, channels); all (B,)."""

    start: Tensor  # of the crop's first pixel in the buffer
    row: Tensor  # elements from one row of the image to the next
    height: Tensor
    width: Tensor
    flip: Tensor

    def __getitem__(self, part: slice) -> "Boxes":
        return Boxes(self.start[part], self.row[part], self.height[part], self.width[part], self.flip[part])


def boxes(crops: Crops, offset: Tensor, width: Tensor, channels: int) -> Boxes:
    """The boxes of crops, from where their images start (B,) and how wide these are (B,), on the device of `offset`."""
    columns = (crops.top, crops.left, crops.height, crops.width, crops.flip)
    top, left, high, wide, flip = (torch.from_numpy(c).to(offset.device) for c in columns)
    return Boxes(offset + (top * width + left) * channels, width * channels, high, wide, flip)


def resized(data: Tensor, box: Boxes, out: int, channels: int, longest: int, *, compiled: bool = False) -> Tensor:
    """The crops of flat uint8 `data`, resized and flipped: (B, out, out, channels) uint8.

    No crop is longer than `longest` in any direction: shapes follow from it, so that they do not change from batch to
    batch. `compiled` fuses the gathers, which otherwise fill the memory one by one.
    """
    vertical = (box.height > out) & (box.height - out > 2 * (box.width - out)) & VERTICAL_FIRST
    k = taps(longest, out)
    # The axis that is resampled first and the one that follows, with the steps from one pixel to the next in the data.
    first = torch.where(vertical, box.height, box.width)
    second = torch.where(vertical, box.width, box.height)
    step = torch.where(vertical, box.row, channels)
    stride = torch.where(vertical, channels, box.row)
    place, weight = weights(first, box.flip & ~vertical, out, k)
    place2, weight2 = weights(second, box.flip & vertical, out, k)
    lines = torch.minimum(torch.arange(longest, device=data.device), second[:, None] - 1)  # (B, longest)
    passes = _compiled() if compiled else _passes
    view = passes(
        data,
        box.start[:, None] + lines * stride[:, None],
        place * step[:, None, None],
        weight,
        place2,
        weight2,
        channels,
    )
    return torch.where(vertical[:, None, None, None], view.transpose(1, 2), view)


def taps(length: int, out: int) -> int:
    """How many pixels PIL weighs at most for one of `out` that come from `length`."""
    return max(1, -(-length // out)) * 2 + 1


def weights(length: Tensor, flip: Tensor, out: int, k: int) -> tuple[Tensor, Tensor]:
    """Position within [0, length) and fixed-point weight of the k pixels behind each of `out`, (B, out, k) each.

    PIL's arithmetic, operation by operation, in float64; it is not compiled, since fused operations round otherwise.
    """
    size = length.double()[:, None]
    o = torch.arange(out, device=length.device).double()[None]
    scale = size / out
    support = scale.clamp(min=1)
    centre = (torch.where(flip[:, None], out - 1 - o, o) + 0.5) * scale
    low = (centre - support + 0.5).clamp(min=0).floor()
    high = torch.minimum((centre + support + 0.5).floor(), size)
    x = low[..., None] + torch.arange(k, device=length.device).double()
    w = (1 - ((x - centre[..., None] + 0.5) * (1 / support)[..., None]).abs()).clamp(min=0) * (x < high[..., None])
    total = w[..., 0]
    for i in range(1, k):  # in PIL's order
        total = total + w[..., i]
    fixed = torch.floor(w / total[..., None] * (1 << BITS) + 0.5).int()
    return torch.minimum(x, size[..., None] - 1).long(), fixed


def _passes(
    data: Tensor, line: Tensor, place: Tensor, weight: Tensor, place2: Tensor, weight2: Tensor, channels: int
) -> Tensor:
    """Resample along the first axis every line (B, L) that starts there, then along the second: (B, out, out, C)."""
    start = line[:, :, None, None] + torch.arange(channels, device=data.device)  # (B, L, 1, C)
    k = range(place.shape[-1])
    rows = _rounded(data[start + place[:, None, :, i, None]].int() * weight[:, None, :, i, None] for i in k)
    b = torch.arange(len(line), device=data.device)[:, None]
    return _rounded(rows[b, place2[..., i]].int() * weight2[:, :, i, None, None] for i in k)


def _rounded(parts: Iterator[Tensor]) -> Tensor:
    """The sum of fixed-point products as uint8."""
    total = next(parts) + (1 << (BITS - 1))
    for part in parts:
        total = total + part
    return (total >> BITS).clamp(0, 255).to(torch.uint8)


@cache
def _compiled():  # type: ignore[no-untyped-def]  # what torch.compile gives
    return torch.compile(_passes, dynamic=False)
