"""Images of a benchmark: drawings of waterbirds-synthetic as JPEG files, and the same pixels in wgbench's store."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from wgbench.bits import uniform
from wgbench.config import Views
from wgbench.datasets import store
from wgbench.datasets.base import SPLITS
from wgbench.datasets.synthetic import PER_IMAGE, SyntheticWaterbirds, draw
from wgbench.types import Split

PIXELS = 432  # squared, what a photograph of Waterbirds has
EVAL = {224: (("resize", 256), ("crop", 224))}


@dataclass(frozen=True)
class Size:
    """What is measured: `share` of Waterbirds' images at `side` pixels, in batches of `batch`."""

    side: int
    share: float
    batch: int
    groups: int = 4

    @property
    def views(self) -> Views:
        return Views(size=self.side, eval=EVAL.get(self.side, (("resize", self.side),)))


def write(folder: Path, size: Size) -> dict[str, list[int]]:
    """Draw the files of all splits into `folder`, unless they are there; the group of each, per split."""
    counts = SyntheticWaterbirds.counts
    groups = {s: np.repeat(np.arange(4), [max(1, round(size.share * n)) for n in counts[s]]) for s in SPLITS}
    whole = folder / "whole"
    if not whole.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        for number, (split, group) in enumerate(groups.items()):
            order = np.random.default_rng(number).permutation(len(group))
            draws = uniform(len(group) * PER_IMAGE, 7, number).reshape(-1, PER_IMAGE)
            for i, k in enumerate(order):
                Image.fromarray(draw(int(group[k]), draws[k], PIXELS)).save(folder / name(split, i), quality=90)
            np.save(folder / f"{split}.npy", group[order])
        whole.touch()
    return {s: np.load(folder / f"{s}.npy").tolist() for s in SPLITS}


def name(split: str, i: int) -> str:
    return f"{split}-{i:05d}.jpg"


def splits(folder: Path, cache: Path, size: Size) -> dict[str, Split]:
    """The splits as wgbench holds them: decoded once, memory-mapped."""
    groups = {s: torch.from_numpy(np.load(folder / f"{s}.npy")) for s in SPLITS}
    names = [name(s, i) for s in SPLITS for i in range(len(groups[s]))]
    everything = store.open_or_build(cache, folder, names)
    found, start = {}, 0
    for s, group in groups.items():
        x = everything.take(torch.arange(start, start + len(group)))
        start += len(group)
        spread = group if size.groups == 4 else torch.arange(len(group)) % size.groups
        found[s] = Split(x, group // 2, spread, n_classes=2, n_groups=size.groups)
    return found
