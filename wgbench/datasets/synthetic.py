"""waterbirds-synthetic: birds drawn on land and water, with Waterbirds' splits and group counts, at any resolution.

For rehearsals and for measuring speed at the real size without a download. Land birds are brown, perching and
round; water birds white, swimming and long-necked; land is green with trunks, water blue with waves.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from pydantic import Field

from wgbench.bits import permutation, uniform
from wgbench.config import Recipe, Views
from wgbench.datasets.base import SPLITS, Dataset, SplitName
from wgbench.datasets.waterbirds import Waterbirds
from wgbench.disk import CACHE, writing
from wgbench.types import Preprocess, Root, Split

SEED = 200  # of all drawings; a part of the version
PER_IMAGE = 16  # uniform draws that place and colour one image
Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SyntheticWaterbirds(Dataset):
    """11,788 drawings of `pixels` x `pixels`; label = water bird, attribute = water background, groups as Waterbirds'.

    `share` keeps that part of every group, at least one example, for machines without a GPU.
    """

    pixels: Annotated[int, Field(ge=16, le=1024)] = 256
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    version: ClassVar[int] = 1
    classes: ClassVar[tuple[str, ...]] = Waterbirds.classes
    group_names: ClassVar[tuple[str, ...]] = Waterbirds.group_names
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = Waterbirds.counts
    source: ClassVar[str] = "drawn by wgbench"
    citation: ClassVar[str] = "group counts of S. Sagawa et al., ICLR 2020"
    licence: ClassVar[str] = "MIT"
    embedded: ClassVar[bool] = True
    backbone: ClassVar[str] = "resnet18"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=100,
        batch_size=128,
        lr=1e-3,
        views=Views(size=224, scale=(0.7, 1.0), ratio=(3 / 4, 4 / 3), eval=(("resize", 256), ("crop", 224))),
    )
    weight_decays: ClassVar[tuple[float, ...]] = Waterbirds.weight_decays

    def prepare(self, root: Root) -> None:
        """Draw all splits into the cache, once; a draw that was killed is begun again."""
        folder = root.cache / "waterbirds-synthetic" / self._key()
        with writing(folder, CACHE):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if folder.is_dir():
                    return
                beside = folder.with_name(f".{folder.name}")
                shutil.rmtree(beside, ignore_errors=True)
                beside.mkdir()
                try:
                    for split in SPLITS:
                        self._draw(split, beside / f"{split}.u8")
                    os.replace(beside, folder)
                finally:
                    shutil.rmtree(beside, ignore_errors=True)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Images (N, pixels, pixels, 3) uint8, memory-mapped."""
        group = self._groups(split)
        shape = (len(group), self.pixels, self.pixels, 3)
        path = root.cache / "waterbirds-synthetic" / self._key() / f"{split}.u8"
        # A private copy-on-write map: torch has no read-only tensors.
        x = torch.from_numpy(np.memmap(path, np.uint8, "c", shape=shape))
        return Split(x, torch.from_numpy(group // 2), torch.from_numpy(group), n_classes=2, n_groups=4)

    def sample(self, n: int, seed: int) -> Split:
        """The first drawings of another seed."""
        group = np.arange(n) % 4
        u = uniform(n * PER_IMAGE, SEED, seed, 99).reshape(n, PER_IMAGE)
        x = torch.from_numpy(np.stack([draw(int(g), v, self.pixels) for g, v in zip(group, u, strict=True)]))
        return Split(x, torch.from_numpy(group // 2), torch.from_numpy(group), n_classes=2, n_groups=4)

    def fingerprint(self, root: Root) -> str:  # noqa: ARG002
        """Everything follows from version and options."""
        return self._key()

    def _key(self) -> str:
        return hashlib.sha256(f"{self.version} {self.pixels} {self.share}".encode()).hexdigest()[:16]

    def _groups(self, split: SplitName) -> NDArray[np.int64]:
        """Groups in the split's order."""
        counts = [max(1, round(self.share * n)) for n in self.counts[split]]
        group = np.repeat(np.arange(4), counts)
        return np.asarray(group[permutation(len(group), SEED, 0, SPLITS.index(split))])

    def _draw(self, split: SplitName, path: "os.PathLike[str]") -> None:
        from tqdm import tqdm

        group = self._groups(split)
        u = uniform(len(group) * PER_IMAGE, SEED, 1, SPLITS.index(split)).reshape(-1, PER_IMAGE)
        with open(path, "wb") as file:
            for g, v in zip(tqdm(group, f"drawing {split}", unit="image", disable=None), u, strict=True):
                file.write(draw(int(g), v, self.pixels).data)


def draw(group: int, u: Floats, pixels: int) -> Pixels:
    """One image (pixels, pixels, 3) of a group, from PER_IMAGE uniform draws."""
    bird, water = divmod(group, 2)
    y, x = (np.mgrid[:pixels, :pixels] + 0.5) / pixels
    canvas = _water(x, y, u) if water else _land(x, y, u)
    centre_x, centre_y, size = 0.35 + 0.3 * u[8], 0.45 + 0.2 * u[9], 0.16 + 0.08 * u[10]
    side = 1 if u[11] < 0.5 else -1
    shade = 0.85 + 0.15 * u[12]
    body, head = (_waterbird if bird else _landbird)((x - centre_x) * side / size, (y - centre_y) / size)
    colour = np.array([0.93, 0.93, 0.9]) if bird else np.array([0.45, 0.28, 0.14])
    canvas[body] = shade * colour
    canvas[head] = shade * (np.array([0.85, 0.55, 0.1]) if bird else np.array([0.2, 0.12, 0.08]))
    grain = ((x * 7919 + y * 104729 + u[13] * 1000) % 1) - 0.5  # texture without more draws
    return np.asarray(np.clip(255 * (canvas + 0.06 * grain[..., None]), 0, 255).astype(np.uint8))


def _land(x: Floats, y: Floats, u: Floats) -> Floats:
    ground = 0.5 + 0.2 * u[0] + 0.05 * np.sin(x * (6 + 8 * u[1]) + 6 * u[2])
    below = (y > ground)[..., None]
    canvas = np.where(below, [0.25 + 0.1 * u[3], 0.4, 0.15], [0.35, 0.5 + 0.15 * u[4], 0.3]).astype(np.float64)
    trunks = (np.abs((x * (4 + 4 * u[5]) + u[6]) % 1 - 0.5) < 0.08) & (y < ground + 0.1)
    canvas[trunks] = [0.3, 0.2, 0.1]
    return canvas


def _water(x: Floats, y: Floats, u: Floats) -> Floats:
    horizon = 0.3 + 0.2 * u[0]
    wave = 0.06 * np.sin(40 * y + (8 + 10 * u[1]) * x + 6 * u[2])
    below = (y > horizon)[..., None]
    sky, sea = [0.65, 0.75, 0.9 - 0.1 * u[3]], [0.1, 0.3 + 0.1 * u[4], 0.6]
    return np.asarray(np.where(below, sea, sky) + np.where(below, wave[..., None], 0.0))


def _landbird(x: Floats, y: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Body and beak of a round bird, in units of its size."""
    body = (x**2 + y**2 < 1) | ((x - 0.9) ** 2 + (y + 0.8) ** 2 < 0.25)
    tail = (x < -0.6) & (x > -1.7) & (np.abs(y - 0.2 * x) < 0.25)
    return body | tail, (x > 1.35) & (x < 1.7) & (np.abs(y + 0.8) < 0.5 * (1.7 - x))


def _waterbird(x: Floats, y: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Body and bill of a swimming bird with a long neck, in units of its size."""
    body = (x / 1.5) ** 2 + ((y - 0.3) / 0.7) ** 2 < 1
    neck = (np.abs(x - 1.1) < 0.2) & (y > -1.5) & (y < 0.4)
    head = (x - 1.2) ** 2 + (y + 1.5) ** 2 < 0.12
    return body | neck | head, (x > 1.45) & (x < 2.1) & (np.abs(y + 1.45) < 0.12)
