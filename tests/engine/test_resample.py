"""Crops in batches of integers, against PIL: every pixel, in every geometry that datasets have."""

import numpy as np
import pytest
import torch

from wgbench.config import Views
from wgbench.engine import resample
from wgbench.engine.crops import Crops, drawn
from wgbench.engine.on_device import OnDevice
from wgbench.engine.pictures import Pictures
from wgbench.engine.pil import training_view
from wgbench.engine.resample import boxes, resized
from wgbench.types import Preprocess, Ragged

CPU = torch.device("cpu")
PLAIN = Preprocess((0.0,) * 3, (1.0,) * 3)
STEEP = {"scale": (0.02, 1.0), "ratio": (0.2, 5.0)}  # crops of every shape: both orders of the two axes occur
# (width, height) of the images, and what is made of them.
GEOMETRIES = {
    "waterbirds": ((500, 375), Views(size=224, eval=(("resize", 256), ("crop", 224)))),
    "celeba": ((178, 218), Views(size=224, ratio=(1.0, 4 / 3), eval=(("crop", 178), ("resize", 224)))),
    "celeba at 64": ((178, 218), Views(size=64, ratio=(1.0, 4 / 3), eval=(("resize", 64),))),
    "synthetic": ((256, 256), Views(size=224, eval=(("resize", 256), ("crop", 224)))),
    "steep": ((375, 500), Views(size=96, eval=(("resize", 96),), **STEEP)),
    "steep and enlarged": ((60, 45), Views(size=64, eval=(("resize", 64),), **STEEP)),
    "whole": ((33, 21), Views(size=32, scale=None, eval=(("resize", 32),))),
}


def noise(n, width, height):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (n, height, width, 3), dtype=np.uint8))


def cropped(images, crops, size, **options):
    n, height, width, channels = images.shape
    offset = torch.arange(n) * (height * width * channels)
    box = boxes(crops, offset, torch.full((n,), width), channels)
    return resized(images.reshape(-1), box, size, channels, max(height, width), **options)


def pil(images, crops, size):
    return torch.from_numpy(np.stack([training_view(x.numpy(), crops, k, size) for k, x in enumerate(images)]))


@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_pixel_is_pils(name):
    (width, height), views = GEOMETRIES[name]
    images = noise(24, width, height)
    crops = drawn(np.full(24, height), np.full(24, width), views, 3, 1)
    assert crops.flip.any()
    assert not crops.flip.all()
    if name == "celeba":  # the centre fallback is among them
        assert ((crops.top == 20) & (crops.height == 178) & (crops.width == 178)).any()
    assert torch.equal(cropped(images, crops, views.size), pil(images, crops, views.size))


def test_the_axes_order_matters_and_is_that_of_the_installed_pillow(monkeypatch):
    """Control: the other order gives other pixels, in crops that are tall and narrow."""
    images = noise(4, 300, 300)
    whole = np.zeros(4, np.int64)
    crops = Crops(whole, whole, np.full(4, 280), np.full(4, 120), np.zeros(4, bool))
    expected = pil(images, crops, 128)
    assert torch.equal(cropped(images, crops, 128), expected)
    monkeypatch.setattr(resample, "VERTICAL_FIRST", not resample.VERTICAL_FIRST)
    assert not torch.equal(cropped(images, crops, 128), expected)


def test_interpolation_in_floating_point_is_another_augmentation():
    """Control: the usual way to crop a batch on a device is off by many grey levels."""
    images = noise(8, 500, 375)
    views = GEOMETRIES["waterbirds"][1]
    crops = drawn(np.full(8, 375), np.full(8, 500), views, 3, 2)
    exact = pil(images, crops, 224).float()
    rows = []
    for k in range(8):
        part = images[k, crops.top[k] : crops.top[k] + crops.height[k], crops.left[k] : crops.left[k] + crops.width[k]]
        part = part.flip(1) if crops.flip[k] else part
        rows.append(torch.nn.functional.interpolate(part.permute(2, 0, 1)[None].float(), 224, mode="bilinear"))
    away = torch.cat(rows).permute(0, 2, 3, 1) - exact
    assert float(away.square().mean().sqrt()) > 3


@pytest.mark.parametrize("kind", ["one size", "many sizes"])
def test_images_on_a_device_look_as_those_that_pil_makes(kind, tmp_path):
    views = Views(size=24, scale=(0.1, 1.0), ratio=(0.4, 2.5), eval=(("resize", 30), ("crop", 24)))
    if kind == "one size":
        x = noise(10, 50, 40)
    else:
        sizes = [(50, 40), (31, 64), (20, 20), (24, 90)]
        parts = [noise(1, *size)[0] for size in sizes]
        length = torch.tensor([p.numel() for p in parts])
        height, width = (torch.tensor([p.shape[k] for p in parts]) for k in (0, 1))
        x = Ragged(torch.cat([p.reshape(-1) for p in parts]), length.cumsum(0) - length, height, width)
    prepare = Preprocess((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    there = OnDevice(x, views, prepare, CPU, torch.float32, tmp_path)
    here = Pictures(x, views, prepare, CPU, torch.float32, tmp_path)
    visits = torch.arange(len(x)).repeat(3)
    crops = here.crops(visits, 1, 2)
    expected = torch.cat(list(here.training(visits, crops, 4)))
    assert torch.equal(torch.cat(list(there.training(visits, there.crops(visits, 1, 2), 4))), expected)
    assert torch.equal(there.train(visits[:5], crops[:5]), expected[:5])
    assert torch.equal(torch.cat(list(there.evaluation())), torch.cat(list(here.evaluation())))
    assert torch.equal(there.eval(visits[1:3]), here.eval(visits[1:3]))
    assert expected.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
def test_fused_gathers_give_the_same_pixels():
    (width, height), views = GEOMETRIES["celeba at 64"]
    images = noise(8, width, height)
    crops = drawn(np.full(8, height), np.full(8, width), views, 3, 1)
    assert torch.equal(cropped(images, crops, 64, compiled=True), pil(images, crops, 64))
