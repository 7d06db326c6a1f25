"""What one training run leaves behind: counts per group after every epoch. Scores read these and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SplitCurve:
    """Counts on one split over E epochs, un-augmented. Groups may overlap, so `n` need not be the sum of `total`."""

    total: Counts  # (G,) examples per group
    class_total: Counts  # (C,)
    n: int
    correct: Counts  # (E, G)
    class_correct: Counts  # (E, C)
    acc_correct: Counts  # (E,)
    predicted: Counts  # (E, C) how often each class was predicted
    loss: Floats  # (E, G) summed losses, NaN where training had diverged
    acc_loss: Floats  # (E,) summed over all examples

    @property
    def acc(self) -> Floats:
        """Accuracy, correct / n, (E,)."""
        return self.acc_correct / self.n

    @property
    def group_acc(self) -> Floats:
        """Accuracy per group, (E, G); NaN for a group without examples."""
        with np.errstate(invalid="ignore"):
            return np.where(self.total > 0, self.correct / np.maximum(self.total, 1), np.nan)

    @property
    def worst_group_acc(self) -> Floats:
        """Minimum over the groups that have examples, (E,)."""
        return np.asarray(np.nanmin(self.group_acc, axis=1))

    @property
    def worst_class_acc(self) -> Floats:
        """Minimum over the classes that have examples, (E,)."""
        present = self.class_total > 0
        return np.asarray((self.class_correct[:, present] / self.class_total[present]).min(axis=1))


@dataclass(frozen=True)
class Visible:
    """What a selector may look at: no test field, by construction."""

    train: SplitCurve
    val: SplitCurve


@dataclass(frozen=True)
class Curves:
    """One run over its whole horizon; after a divergence every count is 0."""

    train: SplitCurve
    val: SplitCurve
    test: SplitCurve
    diverged_at: int | None = None

    @property
    def visible(self) -> Visible:
        """The part that selection may use."""
        return Visible(self.train, self.val)

    @property
    def epochs(self) -> int:
        """The horizon E."""
        return len(self.test.acc_correct)


Totals = Mapping[str, Mapping[str, Any]]  # split -> {"total": [G], "class_total": [C], "n": int}


def from_lines(
    lines: Sequence[Mapping[str, Any]], totals: Totals, *, stage: int, epochs: int, diverged_at: int | None = None
) -> Curves:
    """Curves of one stage in the lines of a `curves.jsonl`, padded with zeros from a divergence to the horizon.

    Epochs that were not scored (a refitted head is scored at the protocol's epochs alone) count as zeros too.
    """
    kept = [line for line in lines if line["stage"] == stage]
    train, val, test = (_split([line[s] for line in kept], totals[s], epochs) for s in ("train", "val", "test"))
    return Curves(train, val, test, diverged_at)


def _split(lines: Sequence[Mapping[str, Any] | None], totals: Mapping[str, Any], epochs: int) -> SplitCurve:
    groups, classes = len(totals["total"]), len(totals["class_total"])

    def stack(name: str, kind: type, *shape: int) -> NDArray[Any]:
        values: NDArray[Any] = np.full((epochs, *shape), np.nan if kind is np.float64 else 0, dtype=kind)
        for row, line in enumerate(lines):
            if line is not None:
                values[row] = _numbers(line[name])
        return values

    return SplitCurve(
        total=np.array(totals["total"], dtype=np.int64),
        class_total=np.array(totals["class_total"], dtype=np.int64),
        n=int(totals["n"]),
        correct=stack("correct", np.int64, groups),
        class_correct=stack("class_correct", np.int64, classes),
        acc_correct=stack("acc_correct", np.int64),
        predicted=stack("predicted", np.int64, classes),
        loss=stack("loss", np.float64, groups),
        acc_loss=stack("acc_loss", np.float64),
    )


def _numbers(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, list):
        return [np.nan if v is None else v for v in value]
    return np.nan if value is None else value
