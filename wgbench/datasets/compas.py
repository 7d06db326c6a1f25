"""compas: recidivism within two years, groups by race and sex that overlap.

ProPublica's `compas-scores-two-years.csv`, prepared as in Zhai et al., "DORO: Distributional and Outlier Robust
Optimization" (ICML 2021): eight features, 70/30 split. With the reference network of 101 parameters (`mlp` of width 10)
this is an underparameterised control: it cannot interpolate.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from wgbench.config import Recipe
from wgbench.datasets import download, files
from wgbench.datasets.base import SPLITS, Dataset, SplitName, check_counts
from wgbench.datasets.carve import carve
from wgbench.datasets.rows import columns, number
from wgbench.errors import BadData
from wgbench.types import Preprocess, Root, Split

FILE = "compas-scores-two-years.csv"
NUMBERS = ("juv_fel_count", "juv_misd_count", "juv_other_count", "priors_count", "age")
CODES = {"c_charge_degree": "F", "sex": "Female", "race": "Caucasian"}  # column -> the value that is 0
AGAIN = "get the table again"
CARVE = 7214  # key of the validation split, a part of the version


@dataclass(frozen=True)
class Compas(Dataset):
    """7,214 defendants; label = charged again; scored groups White, Others, Female, Male, which overlap.

    Training groups are race x sex. A fifth of the source's training part, stratified by label, race and sex, is
    validation.
    """

    version: ClassVar[int] = 1
    classes: ClassVar[tuple[str, ...]] = ("no-recidivism", "recidivism")
    group_names: ClassVar[tuple[str, ...]] = ("White", "Others", "Female", "Male")
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "train": (1372, 2667, 798, 3241),
        "val": (342, 668, 200, 810),
        "test": (740, 1425, 397, 1768),
    }
    sizes: ClassVar[Mapping[str, int]] = {"train": 4039, "val": 1010, "test": 2165}
    modality: ClassVar[Literal["image", "table", "text"]] = "table"
    source: ClassVar[str] = "https://github.com/propublica/compas-analysis"
    url: ClassVar[str] = f"https://raw.githubusercontent.com/propublica/compas-analysis/master/{FILE}"
    citation: ClassVar[str] = "J. Angwin, J. Larson, S. Mattu, L. Kirchner: Machine Bias, ProPublica, 2016"
    licence: ClassVar[str] = "published by ProPublica for analysis"
    sha256: ClassVar[Mapping[str, str]] = {FILE: "c36eb7d1ed48162d71284ea600d177be24d40c6608c58a63ef3e303a674831f3"}
    backbone: ClassVar[str] = "mlp"
    recipe: ClassVar[Recipe] = Recipe(epochs=300, batch_size=128, lr=0.01)
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.001, 0.01, 0.1)

    def prepare(self, root: Root) -> None:
        """Download the table, unless the user has it; check its bytes."""
        path = self._path(root)
        if root.data is None:
            by_hand = f"get {FILE} by hand and point --data-dir at its folder"
            download.fetch([self.url], path, self.sha256[FILE], by_hand)
        elif download.digest(path) != self.sha256[FILE]:
            wrong = "its bytes are not those of the published table"
            raise BadData(f"{path}", wrong, f"get it again from {self.url}")

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Features (N, 8), as the source scales them: age / 10, counts as they are."""
        x, label = read(self._path(root))
        rows = _rows(split, x, label)
        race, sex = x[rows, 7].astype(np.int64), x[rows, 6].astype(np.int64)
        membership = torch.from_numpy(np.stack([race == 0, race == 1, sex == 0, sex == 1], 1))
        remedy = f"get {FILE} again from {self.url}"
        check_counts(f"compas {split}", membership.sum(0), self.counts[split], remedy)
        return Split(
            torch.from_numpy(x[rows]).float(),
            torch.from_numpy(label[rows]),
            torch.from_numpy(2 * race + sex),
            n_classes=2,
            n_groups=4,
            membership=membership,
        )

    def sample(self, n: int, seed: int) -> Split:
        """Made-up defendants."""
        rng = torch.Generator().manual_seed(seed)
        x = torch.randint(0, 4, (n, 8), generator=rng).float()
        race, sex = torch.arange(n) % 2, torch.arange(n) // 2 % 2
        x[:, 7], x[:, 6] = race, sex
        membership = torch.stack([race == 0, race == 1, sex == 0, sex == 1], 1)
        return Split(x, torch.arange(n) // 4 % 2, 2 * race + sex, 2, 4, membership)

    def published(self, root: Root) -> Mapping[str, Path]:
        """The table."""
        return {FILE: self._path(root)}

    def fingerprint(self, root: Root) -> str:
        """Hash of the table."""
        return hashlib.sha256(self._path(root).read_bytes()).hexdigest()[:16]

    def _path(self, root: Root) -> Path:
        remedy = f"get {FILE} from {self.url}"
        folder = files.find("compas", root, FILE, ("compas",), remedy)
        return (folder or root.cache / "compas") / FILE


def read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features (N, 8) and labels (N,), in the order of the file; BadData names a column or line that is wrong."""
    x, label = [], []
    wanted = (*NUMBERS, *CODES, "is_recid")
    for at, line in columns(path, wanted, AGAIN):
        where = f"{path}, line {at}"
        numbers = [number(where, line[c], AGAIN) for c in NUMBERS]
        if line["is_recid"] not in ("0", "1"):
            raise BadData(where, f"is_recid is {line['is_recid'][:40]!r}, neither 0 nor 1", AGAIN)
        label.append(int(line["is_recid"]))
        numbers[-1] /= 10
        x.append([*numbers, *(float(line[c] != zero) for c, zero in CODES.items())])
    if not x:
        raise BadData(f"{path}", "it has no rows", AGAIN)
    return np.array(x), np.array(label, dtype=np.int64)


def _rows(split: SplitName, x: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of a split: scikit-learn's 70/30 shuffle with random_state 42, then a fifth of the 70 % carved out."""
    order = np.random.RandomState(42).permutation(len(x))
    n_test = int(np.ceil(0.3 * len(x)))
    if split == "test":
        return order[:n_test]
    rest = order[n_test:]
    strata = (4 * label[rest] + 2 * x[rest, 7] + x[rest, 6]).astype(np.int64)
    carved = carve(strata, 0.2, CARVE)
    return np.asarray(rest[carved if split == SPLITS[1] else ~carved])
