"""adult: income above 50,000 dollars, groups income x sex. The Census Income table of the UCI repository."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wgbench.config import Recipe
from wgbench.datasets import download, files
from wgbench.datasets.base import SPLITS, Dataset, SplitName, alternating, check_counts, crossed, group_counts
from wgbench.datasets.carve import carve
from wgbench.datasets.rows import number, records
from wgbench.errors import BadData
from wgbench.types import Preprocess, Root, Split

TRAIN, TEST = "adult.data", "adult.test"
NUMBERS = {0: "age", 2: "fnlwgt", 4: "education-num", 10: "capital-gain", 11: "capital-loss", 12: "hours-per-week"}
WORDS = (1, 3, 5, 6, 7, 8, 9, 13)  # workclass, education, marital-status, occupation, relationship, race, sex, country
SEX, INCOME, FIELDS = 9, 14, 15
AGAIN = "get the file again"
CARVE = 1996  # key of the validation split, a part of the version


@dataclass(frozen=True)
class Adult(Dataset):
    """48,842 people; label = income above 50K, attribute = male. The source's own test file is test.

    A fifth of the training file, stratified by group, is validation. Numbers are standardised with training statistics,
    words are one-hot over the values that occur in the training file; "?" is a value.
    """

    version: ClassVar[int] = 1
    classes: ClassVar[tuple[str, ...]] = ("<=50K", ">50K")
    group_names: ClassVar[tuple[str, ...]] = ("<=50K-female", "<=50K-male", ">50K-female", ">50K-male")
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "train": (7674, 12102, 943, 5330),
        "val": (1918, 3026, 236, 1332),
        "test": (4831, 7604, 590, 3256),
    }
    modality: ClassVar[Literal["image", "table", "text"]] = "table"
    source: ClassVar[str] = "https://archive.ics.uci.edu/dataset/2/adult"
    url: ClassVar[str] = "https://archive.ics.uci.edu/static/public/2/adult.zip"
    citation: ClassVar[str] = "B. Becker, R. Kohavi: Adult, UCI Machine Learning Repository, 1996"
    licence: ClassVar[str] = "CC BY 4.0"
    backbone: ClassVar[str] = "mlp"
    recipe: ClassVar[Recipe] = Recipe(epochs=300, batch_size=256, lr=0.02)
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.001, 0.01, 0.1)

    def prepare(self, root: Root) -> None:
        """Say where the files belong, unless they are there. The publisher states no checksums: counts are asserted."""
        self._folder(root)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Features (N, D) float32."""
        folder = self._folder(root)
        train = list(_lines(folder / TRAIN))
        values = {c: sorted({line[c] for line in train}) for c in WORDS}
        numbers = _numbers(train)
        mean, std = numbers.mean(0), np.maximum(numbers.std(0), 1e-9)
        lines = list(_lines(folder / TEST)) if split == "test" else train
        label = np.array([int(line[INCOME].startswith(">")) for line in lines])
        group = 2 * label + np.array([int(line[SEX] == "Male") for line in lines])
        rows = np.arange(len(lines))
        if split != "test":
            carved = carve(group, 0.2, CARVE)
            rows = rows[carved if split == SPLITS[1] else ~carved]
        numbers = (_numbers(lines) - mean) / std
        words = [np.array([[line[c] == v for v in values[c]] for line in lines]) for c in WORDS]
        x = np.concatenate([numbers, *words], 1)[rows].astype(np.float32)
        found = group_counts(torch.from_numpy(group[rows]), 4)
        check_counts(f"adult {split}", found, self.counts[split], f"get the files again from {self.url}")
        return Split(torch.from_numpy(x), torch.from_numpy(label[rows]), torch.from_numpy(group[rows]), 2, 4)

    def sample(self, n: int, seed: int) -> Split:
        """Made-up people: 6 numbers and 102 indicators, as many as the training file has."""
        x = torch.randn(n, 108, generator=torch.Generator().manual_seed(seed))
        return crossed(x, *alternating(n))

    def fingerprint(self, root: Root) -> str:
        """Hash of both files."""
        folder = self._folder(root)
        return hashlib.sha256((folder / TRAIN).read_bytes() + (folder / TEST).read_bytes()).hexdigest()[:16]

    def _folder(self, root: Root) -> Path:
        remedy = f"get {TRAIN} and {TEST} from {self.url}, and point --data-dir at their folder"
        given = files.find("adult", root, TRAIN, ("adult",), remedy)
        if given is None:
            given = root.cache / "adult" / "data"
            if not (given / TRAIN).is_file():
                archive = root.cache / "adult" / "adult.zip"
                download.extract(download.fetch([self.url], archive, None, remedy), given)
        return given


def _lines(path: Path) -> Iterator[list[str]]:
    """Records of a file, fields stripped; the test file begins with a remark and ends its labels with a full stop."""
    if not path.is_file():
        raise BadData(f"{path}", "not there", "get both files of the archive")
    found = 0
    for at, line in records(path, AGAIN, skip_spaces=True):
        where = f"{path}, line {at}"
        if line[0].startswith("|"):
            continue
        if len(line) != FIELDS:
            raise BadData(where, f"{len(line)} fields instead of {FIELDS}", AGAIN)
        fields = [field.strip().rstrip(".") if i == INCOME else field.strip() for i, field in enumerate(line)]
        for column in NUMBERS:
            number(where, fields[column], AGAIN)
        found += 1
        yield fields
    if not found:
        raise BadData(f"{path}", "it has no rows", AGAIN)


def _numbers(lines: list[list[str]]) -> NDArray[np.float64]:
    return np.array([[float(line[c]) for c in NUMBERS] for line in lines])
