"""colored-mnist: is the digit 5 or more? The ink's colour says so too, in 95 % of training.

After Arjovsky et al., "Invariant risk minimization" (2019), with one training environment: red ink below 5, green
from 5 on. `label_noise` is off by default (.25 there).
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
from wgbench.datasets.base import SPLITS, Dataset, SplitName, alternating, check_counts, crossed, group_counts
from wgbench.datasets.spurious import agreeing
from wgbench.types import Preprocess, Root, Split

SEED = 2019  # of split, colours and label noise; a part of the version
TRAIN = 50_000  # of MNIST's 60,000 training images; the others are validation


@dataclass(frozen=True)
class ColoredMNIST(Dataset):
    """MNIST in red and green, 50,000 / 10,000 / 10,000; colours agree with the label for half of val and test.

    `examples` takes the first so many of the training set, for CPUs.
    """

    agreement: Annotated[float, Field(ge=0, le=1)] = 0.95
    label_noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    examples: Annotated[int, Field(gt=0, le=TRAIN)] = TRAIN

    version: ClassVar[int] = 2
    classes: ClassVar[tuple[str, ...]] = ("0-4", "5-9")
    group_names: ClassVar[tuple[str, ...]] = ("0-4-red", "0-4-green", "5-9-red", "5-9-green")
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {  # of the default options
        "train": (24234, 1275, 1225, 23266),
        "val": (2544, 2543, 2457, 2456),
        "test": (2570, 2569, 2431, 2430),
    }
    sizes: ClassVar[Mapping[str, int]] = {"train": TRAIN, "val": 10_000, "test": 10_000}
    sha256: ClassVar[Mapping[str, str]] = raw_images.SHA256  # asserted when the source is read
    source: ClassVar[str] = "https://huggingface.co/datasets/ylecun/mnist"
    citation: ClassVar[str] = (
        "Y. LeCun, C. Cortes, C. Burges: MNIST; M. Arjovsky et al.: Invariant Risk Minimization, 2019"
    )
    licence: ClassVar[str] = "MIT (as published on the hub)"
    backbone: ClassVar[str] = "cnn"
    recipe: ClassVar[Recipe] = Recipe(epochs=60, batch_size=256, lr=0.02)
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.001, 0.01, 0.1)

    def prepare(self, root: Root) -> None:
        """Read MNIST once."""
        raw_images.prepare("mnist", root)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Images (N, 28, 28, 3) uint8."""
        images, digit = raw_images.load("mnist", "test" if split == "test" else "train", root)
        if split != "test":
            order = permutation(len(images), SEED, 0)
            rows = order[: self.examples] if split == "train" else order[TRAIN:]
            images, digit = images[rows], digit[rows]
        label, key = (digit >= 5).astype(np.int64), SPLITS.index(split)
        flipped = permutation(len(label), SEED, 1, key)[: round(self.label_noise * len(label))]
        label[flipped] = 1 - label[flipped]
        attribute = agreeing(label, self.agreement if split == "train" else 0.5, SEED, 2, key)
        made = _split(images, label, attribute)
        if self == ColoredMNIST():
            remedy = "report it: the splits are fixed by the version"
            check_counts(f"colored-mnist {split}", group_counts(made.group, 4), self.counts[split], remedy)
        return made

    def sample(self, n: int, seed: int) -> Split:
        """Blots instead of digits."""
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        return _split(images, *(a.numpy() for a in alternating(n)))

    def fingerprint(self, root: Root) -> str:
        """Hash of MNIST's pixels and labels."""
        return raw_images.fingerprint(("mnist",), root)


def _split(images: NDArray[np.uint8], label: NDArray[np.int64], attribute: NDArray[np.int64]) -> Split:
    coloured = np.zeros((*images.shape, 3), np.uint8)
    coloured[np.arange(len(images)), :, :, attribute] = images
    return crossed(torch.from_numpy(coloured), torch.from_numpy(label), torch.from_numpy(attribute))
