"""What a dataset is: a frozen dataclass that prepares, loads and describes labelled examples with groups."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from wgbench.config import Recipe
from wgbench.errors import BadData
from wgbench.types import Preprocess, Ragged, Root, Split, Tokens

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
    sha256: ClassVar[Mapping[str, str]] = {}  # of the published files, or of what they decode to
    md5: ClassVar[Mapping[str, str]] = {}  # where the publisher states no better one
    backbone: ClassVar[str]  # the default network
    recipe: ClassVar[Recipe]  # the default training, the paper's where it has one
    weight_decays: ClassVar[tuple[float, ...]]  # the grid, fixed by the rules
    embedded: ClassVar[bool] = False  # whether it needs neither files of the user's nor a network
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

    def published(self, root: Root) -> Mapping[str, Path]:  # noqa: ARG002
        """The files at hand that `sha256` or `md5` speak of, by their names there: `data verify` compares them."""
        return {}

    @property
    def caveat(self) -> str | None:
        """What keeps entries on this data from being complete; None for the whole of a published dataset."""
        return "the data is a declared subset" if getattr(self, "subset", False) else None

    @property
    def pinned(self) -> bool:
        """Whether name, version and options pin the data down; otherwise the fingerprint enters the cell's id."""
        return self.caveat is None


def check_counts(asked: str, found: Tensor | Sequence[int], expected: Sequence[int], remedy: str) -> None:
    """Compare examples per group; BadData shows both."""
    got = [int(n) for n in found]
    if got != list(expected):
        raise BadData(asked, f"examples per group are {got}, expected {list(expected)}", remedy)


def crossed(
    x: Tensor | Ragged | Tokens, label: Tensor, attribute: Tensor, n_classes: int = 2, n_attributes: int = 2
) -> Split:
    """The split whose groups are class x attribute."""
    return Split(x, label, n_attributes * label + attribute, n_classes, n_attributes * n_classes)


def alternating(n: int, n_classes: int = 2, n_attributes: int = 2) -> tuple[Tensor, Tensor]:
    """Labels and attributes of `n` made-up examples: every group in turn."""
    return torch.arange(n) % n_classes, torch.arange(n) // n_classes % n_attributes


def group_counts(group: Tensor, n_groups: int) -> Tensor:
    """Examples per group, (G,) int64."""
    return torch.bincount(group, minlength=n_groups)
