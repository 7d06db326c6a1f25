"""What the registered dataset of an entry promises, without its data: entries are looked at where no data is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from wgbench import datasets
from wgbench.config import Recipe
from wgbench.datasets.base import SPLITS, Dataset
from wgbench.errors import WgbenchError
from wgbench.registry import BUILT_IN
from wgbench.results.entry import Target
from wgbench.results.schema import DatasetOf
from wgbench.results.trust import NOBODY_ELSE, Trust
from wgbench.types import Preprocess, Root


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


def known(described: DatasetOf, trust: Trust = NOBODY_ELSE) -> Known | None:
    """The dataset that an entry names; None where it is not registered here, private, or of another version.

    Nor where it is code of a package that is not trusted.
    """
    if ":" in described.name:  # what its name says is a place, not a promise
        return None
    try:
        if not trust.allows(datasets.info(described.name)):
            return None
        made = datasets.make(described.name, **described.options)
        plain = datasets.make(described.name)
    except WgbenchError:
        return None
    if made.version != described.version or made.private:
        return None
    return Known(made, default=made == plain)


@dataclass(frozen=True)
class AtHand:
    """The test split of a dataset that is on this machine."""

    fingerprint: str
    target: Target


Labels = Callable[[Known], AtHand | None]


def nothing(_: Known) -> AtHand | None:
    """No data is at hand."""
    return None


def labels(root: Root, *, fetch: bool = False) -> Labels:
    """Test splits of datasets that need no files, or whose files are in the user's folder; or fetched."""

    @cache
    def at_hand(dataset: Dataset) -> AtHand | None:
        if not (dataset.embedded or root.data or fetch):
            return None
        try:
            dataset.prepare(root)
            test = dataset.load(root, "test", Preprocess())
            return AtHand(dataset.fingerprint(root), Target(test.label.numpy(), test.columns.numpy()))
        except WgbenchError:
            return None

    return lambda found: at_hand(found.dataset)


def named(name: str) -> Dataset | None:
    """One of our own datasets by name with its default options; None where there is none."""
    try:
        return datasets.make(name) if ":" not in name and datasets.info(name).owner == BUILT_IN else None
    except WgbenchError:
        return None
