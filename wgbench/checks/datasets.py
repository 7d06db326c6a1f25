"""What every dataset promises."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from wgbench import datasets
from wgbench.checks import require
from wgbench.datasets.base import SPLITS, Dataset
from wgbench.types import Preprocess, Root, Split


@dataclass(frozen=True)
class Prepared:
    """A dataset with its files at hand."""

    dataset: Dataset
    root: Root

    @cached_property
    def splits(self) -> dict[str, Split]:
        """All of it."""
        return {name: self.dataset.load(self.root, name, Preprocess()) for name in SPLITS}


def subject(name: str) -> Prepared:
    """The dataset, prepared in the user's cache."""
    from wgbench.drafting import cache_root

    data = os.environ.get("WGBENCH_DATA")
    root = Root(cache_root(), Path(data) if data else None)
    dataset = datasets.make(name)
    dataset.prepare(root)
    return Prepared(dataset, root)


def it_says_what_it_is(prepared: Prepared) -> None:
    """Version, classes, groups, source, citation, licence, default recipe."""
    d = prepared.dataset
    texts = ("source", "citation", "licence", "backbone")
    missing = [name for name in texts if not getattr(d, name, "")]
    missing += [name for name in ("classes", "group_names", "recipe", "weight_decays") if not hasattr(d, name)]
    require(not missing, f"it does not say its {', '.join(missing)}", "set them as class attributes")


def labels_and_groups_fit(prepared: Prepared) -> None:
    """One label and group per example, within range, counted as declared."""
    for name, split in prepared.splits.items():
        n = len(split.x)
        shapes = split.label.shape == split.group.shape == (n,)
        require(shapes, f"{name} has not one label and group per example", "check the shapes of label and group")
        inside = bool(((split.label >= 0) & (split.label < split.n_classes)).all())
        inside = inside and bool(((split.group >= 0) & (split.group < split.n_groups)).all())
        require(inside, f"a label or group of {name} is out of range", "number them from 0")
        fits = split.columns.shape == (n, len(prepared.dataset.group_names))
        wrong = f"the membership of {name} has shape {tuple(split.columns.shape)}, not (N, group_names)"
        require(fits, wrong, "name every group that scores, in the order of the columns")


def groups_are_there_to_be_scored(prepared: Prepared) -> None:
    """Every group has examples in val and test."""
    for name in ("val", "test"):
        empty = [i for i, n in enumerate(prepared.splits[name].columns.sum(0).tolist()) if n == 0]
        require(not empty, f"groups {empty} have no example in {name}", "choose splits in which every group occurs")


def splits_are_disjoint(prepared: Prepared) -> None:
    """No input is in two splits. Rows of a table and texts that coincide within one may, but not all of a split's."""
    seen: dict[bytes, str] = {}
    coincide = False
    for name, split in prepared.splits.items():
        digests = [hashlib.sha256(_bytes(split, i)).digest() for i in range(len(split))]
        coincide = coincide or (prepared.dataset.modality != "image" and len(set(digests)) < len(digests))
        shared = [f"example {i} of {name} is in {seen[d]} too" for i, d in enumerate(digests) if d in seen]
        allowed = len(split) - 1 if coincide else 0
        require(len(shared) <= allowed, "".join(shared[:1]), "split before you copy or augment")
        seen |= dict.fromkeys(digests, name)


def preparing_again_does_nothing(prepared: Prepared) -> None:
    """The second `prepare` leaves every file as it is."""
    before = _files(prepared.root.cache)
    prepared.dataset.prepare(prepared.root)
    require(_files(prepared.root.cache) == before, "a second prepare writes files again", "return early when done")


def samples_look_like_the_data(prepared: Prepared) -> None:
    """`sample()` has the shapes and types of `load()`."""
    sample, train = prepared.dataset.sample(8, 0), prepared.splits["train"]
    require(len(sample) == 8, f"sample(8) has {len(sample)} examples", "make as many as are asked for")
    a, b = (sample.n_classes, sample.n_groups), (train.n_classes, train.n_groups)
    require(a == b, "sample has other classes or groups than the data", "use the dataset's own numbers")
    if isinstance(train.x, torch.Tensor) and isinstance(sample.x, torch.Tensor):
        same = sample.x.shape[1:] == train.x.shape[1:] and sample.x.dtype == train.x.dtype
        require(same, f"sample has inputs of shape {tuple(sample.x.shape[1:])}", "make them like the data's")


CHECKS: tuple[Callable[[Prepared], None], ...] = (
    it_says_what_it_is,
    labels_and_groups_fit,
    groups_are_there_to_be_scored,
    splits_are_disjoint,
    preparing_again_does_nothing,
    samples_look_like_the_data,
)


def _bytes(split: Split, i: int) -> bytes:
    return bytes(split.x[i].contiguous().numpy().tobytes())


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    stats = {p: p.stat() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"}
    return {str(p): (s.st_size, s.st_mtime_ns) for p, s in stats.items()}
