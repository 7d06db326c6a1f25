"""What a dataset is: a frozen dataclass that prepares, loads and describes labelled examples with groups."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from wgbench.config import Recipe
from wgbench.errors import BadData
from wgbench.types import Preprocess, Root, Split

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


class Dataset:
    """Base of datasets. Subclasses are frozen dataclasses; their fields are the options.

    A group's id is `label * n_attributes + attribute`.
    """

    version: ClassVar[int] = 1  # bump when any pixel, label, group or split changes
    classes: ClassVar[tuple[str, ...]]
    group_names: ClassVar[tuple[str, ...]]
    counts: ClassVar[Mapping[str, tuple[int, ...]]]  # split -> examples per group, asserted on load
    sizes: ClassVar[Mapping[str, int]] = {}  # split -> examples, where they do not follow from counts
    modality: ClassVar[Literal["image", "table", "text"]] = "image"
    source: ClassVar[str]
    citation: ClassVar[str]
    licence: ClassVar[str]
    sha256: ClassVar[Mapping[str, str]] = {}
    backbone: ClassVar[str]  # the default network
    recipe: ClassVar[Recipe]  # the default training, the paper's where it has one
    weight_decays: ClassVar[tuple[float, ...]]  # the grid, fixed by the rules
    private: ClassVar[frozenset[str]] = frozenset()  # options that must leave this machine in no record: paths
    tuned: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # algorithm -> hyper-parameters published for this dataset

    def prepare(self, root: Root) -> None:
        """Download, verify and convert once; a second call does nothing. MissingData or DownloadFailed."""

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:
        """One split, after `prepare`. BadData where files or counts are wrong."""
        raise NotImplementedError

    def sample(self, n: int, seed: int) -> Split:
        """`n` made-up examples with the shapes of `load`, offline."""
        raise NotImplementedError

    def texts(self, root: Root, split: SplitName) -> Sequence[tuple[str, str | None]]:
        """What the examples of a text dataset say, in the order of `load`, for people to read."""
        raise NotImplementedError

    def fingerprint(self, root: Root) -> str:
        """Content hash of what identifies the data (16 hexadecimal digits), after `prepare`."""
        raise NotImplementedError

    @property
    def pinned(self) -> bool:
        """Whether name, version and options pin the data down; otherwise the fingerprint enters the cell's id."""
        return True


def check_counts(asked: str, found: Tensor | Sequence[int], expected: Sequence[int], remedy: str) -> None:
    """Compare examples per group; BadData shows both."""
    got = [int(n) for n in found]
    if got != list(expected):
        raise BadData(asked, f"examples per group are {got}, expected {list(expected)}", remedy)


def group_counts(group: Tensor, n_groups: int) -> Tensor:
    """Examples per group, (G,) int64."""
    return torch.bincount(group, minlength=n_groups)
