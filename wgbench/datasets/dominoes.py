"""dominoes: a digit above a vehicle. The label is the vehicle, the digit is easier and agrees in 95 % of training.

After Shah et al., "The pitfalls of simplicity bias in neural networks" (NeurIPS 2020): MNIST 0 / 1 above CIFAR-10
automobile / truck.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from wgbench.bits import permutation
from wgbench.config import Recipe
from wgbench.datasets import raw_images
from wgbench.datasets.base import SPLITS, Dataset, SplitName, alternating, check_counts, crossed
from wgbench.datasets.spurious import agreeing
from wgbench.types import Preprocess, Root, Split

SEED = 2020  # of split, pairing and agreement; a part of the version
VEHICLES = (1, 9)  # CIFAR-10's automobile and truck
TRAIN, VAL = 8000, 2000  # of the 10,000 vehicles in CIFAR-10's training part


@dataclass(frozen=True)
class Dominoes(Dataset):
    """8,000 / 2,000 / 2,000 images of 64 x 32 pixels; the digit agrees with the vehicle for half of val and test.

    No vehicle is used twice; digits are paired at random, and come round again where there are too few (MNIST's test
    part has 980 zeros for 1,000 places). `examples` takes the first so many of the training set, for CPUs. Copies of
    CIFAR-10 as JPEG have other pixels: the fingerprint is a part of every run's identity.
    """

    agreement: Annotated[float, Field(ge=0, le=1)] = 0.95
    examples: Annotated[int, Field(gt=0, le=TRAIN)] = TRAIN

    version: ClassVar[int] = 2
    classes: ClassVar[tuple[str, ...]] = ("automobile", "truck")
    group_names: ClassVar[tuple[str, ...]] = ("automobile-0", "automobile-1", "truck-0", "truck-1")
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {}  # they follow from the options and from the copy of CIFAR-10
    sizes: ClassVar[Mapping[str, int]] = {"train": TRAIN, "val": VAL, "test": 2000}
    sha256: ClassVar[Mapping[str, str]] = raw_images.SHA256  # of MNIST, asserted when it is read
    source: ClassVar[str] = "https://huggingface.co/datasets/uoft-cs/cifar10 and .../ylecun/mnist"
    citation: ClassVar[str] = "H. Shah et al.: The Pitfalls of Simplicity Bias in Neural Networks, NeurIPS 2020"
    licence: ClassVar[str] = "MNIST: MIT; CIFAR-10: no licence stated, research"
    backbone: ClassVar[str] = "cnn"
    recipe: ClassVar[Recipe] = Recipe(epochs=100, batch_size=128, lr=0.02)
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.001, 0.01, 0.1)

    @property
    def pinned(self) -> bool:
        """CIFAR-10 circulates in lossy copies, too."""
        return False

    def prepare(self, root: Root) -> None:
        """Read MNIST and CIFAR-10 once."""
        raw_images.prepare("mnist", root)
        raw_images.prepare("cifar10", root)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Images (N, 64, 32, 3) uint8: the digit, padded to 32 x 32, above the vehicle."""
        part, key = "test" if split == "test" else "train", SPLITS.index(split)
        photos, kind = raw_images.load("cifar10", part, root)
        vehicles = np.flatnonzero(np.isin(kind, VEHICLES))
        vehicles = vehicles[permutation(len(vehicles), SEED, 0, part == "test")]
        if split != "test":
            vehicles = vehicles[: self.examples] if split == "train" else vehicles[TRAIN : TRAIN + VAL]
        if self == Dominoes():
            check_counts(f"dominoes {split}", [len(vehicles)], [self.sizes[split]], "give all of CIFAR-10")
        label = (kind[vehicles] == VEHICLES[1]).astype(np.int64)
        attribute = agreeing(label, self.agreement if split == "train" else 0.5, SEED, 1, key)
        digits = _digits(*raw_images.load("mnist", part, root), attribute, key)
        return _split(digits, photos[vehicles], label, attribute)

    def sample(self, n: int, seed: int) -> Split:
        """Noise above noise."""
        rng = np.random.default_rng(seed)
        digits = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        photos = rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
        return _split(digits, photos, *(a.numpy() for a in alternating(n)))

    def fingerprint(self, root: Root) -> str:
        """Hash of the pixels of both sources."""
        return raw_images.fingerprint(("mnist", "cifar10"), root)


def _digits(
    images: NDArray[np.uint8], digit: NDArray[np.int64], wanted: NDArray[np.int64], key: int
) -> NDArray[np.uint8]:
    """An image of each wanted digit, (N, 28, 28): train and val take theirs from opposite ends of one order."""
    out = np.zeros((len(wanted), 28, 28), np.uint8)
    for value in (0, 1):
        pool = np.flatnonzero(digit == value)
        pool = pool[permutation(len(pool), SEED, 2, value)]
        pool = pool[::-1] if key == SPLITS.index("val") else pool
        places = np.flatnonzero(wanted == value)
        out[places] = images[np.resize(pool, len(places))]
    return out


def _split(
    digits: NDArray[np.uint8], photos: NDArray[np.uint8], label: NDArray[np.int64], attribute: NDArray[np.int64]
) -> Split:
    above = np.pad(digits, ((0, 0), (2, 2), (2, 2)))[..., None].repeat(3, axis=3)
    x = torch.from_numpy(np.concatenate([above, photos], axis=1))
    return crossed(x, torch.from_numpy(label), torch.from_numpy(attribute))
