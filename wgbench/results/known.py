"""What the registered dataset of an entry promises, without its data: entries are looked at where no data is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wgbench import datasets
from wgbench.config import Recipe
from wgbench.datasets.base import SPLITS, Dataset
from wgbench.errors import WgbenchError
from wgbench.results.schema import DatasetOf


@dataclass(frozen=True)
class Known:
    """A dataset that is registered here, in the version that was asked for."""

    dataset: Dataset
    default: bool  # whether its options are the default, for which counts are promised

    @property
    def counts(self) -> dict[str, dict[str, Any]]:
        """Examples per group and in all, by split; empty where the dataset promises none."""
        promised: Mapping[str, tuple[int, ...]] = getattr(self.dataset, "counts", {})
        sizes = self.dataset.sizes
        return {
            split: {"total": list(promised[split]), "n": sizes.get(split, sum(promised[split]))}
            for split in SPLITS
            if split in promised and self.default
        }

    @property
    def recipe(self) -> Recipe:
        """How the dataset is trained on by default."""
        return self.dataset.recipe


def known(described: DatasetOf) -> Known | None:
    """The dataset that an entry names; None where it is not registered here, private, or of another version."""
    try:
        made = datasets.make(described.name, **described.options)
        plain = datasets.make(described.name)
    except WgbenchError:
        return None
    if made.version != described.version or made.private:
        return None
    return Known(made, default=made == plain)


def named(name: str) -> Dataset | None:
    """A dataset by name with its default options; None where it cannot be made here."""
    try:
        return datasets.make(name)
    except WgbenchError:
        return None
