"""Predictions of an entry, held against the counts of its curves."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgbench.evaluation.curves import SplitCurve
from wgbench.results import schema
from wgbench.results.entry import Target
from wgbench.results.recount import held
from wgbench.results.stored import Stored


def mispredicted(entry: Stored, target: Target | None) -> Iterator[str]:
    """What is wrong: they are there for every seed, and give the counts of the curves, and of test's groups."""
    moments = held(entry)
    expected = {f"{moment}-{seed}": at for seed in moments for moment, at in _moments(entry, seed).items()}
    there = entry.predictions()
    for name in sorted(expected.keys() ^ there.keys()):
        yield f"{schema.PREDICTIONS}: column {name[:40]!r} is {'missing' if name in expected else 'one too many'}"
    for name in sorted(expected.keys() & there.keys()):
        epoch, classes = expected[name], there[name]
        test = entry.curves[int(name.partition("-")[2]), 0.0].test
        yield from _column(f"{schema.PREDICTIONS}, {name}", test, epoch, classes, target)


def _moments(entry: Stored, seed: int) -> dict[str, int | None]:
    """Epochs at which predictions are kept; None where training had diverged."""
    cell, window = entry.cell(seed, 0.0), entry.entry.protocol.early[1]
    horizon = cell.epochs or entry.entry.recipe.epochs
    trained = horizon if cell.diverged_at is None else cell.diverged_at - 1
    found: dict[str, int | None] = {"final": horizon if trained == horizon else None}
    if window <= trained:
        found["early"] = window
    if cell.selected_epoch is not None and 1 <= cell.selected_epoch <= trained:
        found["selected"] = cell.selected_epoch
    return found


def _column(
    where: str, test: SplitCurve, epoch: int | None, classes: NDArray[Any], target: Target | None
) -> Iterator[str]:
    if epoch is None:
        if (classes != -1).any():
            yield f"{where}: training had diverged, and there are predictions"
        return
    per_class = np.bincount(classes[classes >= 0], minlength=test.predicted.shape[1])
    if per_class.tolist() != test.predicted[epoch - 1].tolist():
        yield f"{where}: classes {per_class.tolist()}, and {test.predicted[epoch - 1].tolist()} in the curves"
    elif target is not None:
        correct = ((classes == target.label)[:, None] & target.columns).sum(0)
        if correct.tolist() != test.correct[epoch - 1].tolist():
            yield f"{where}: correct {correct.tolist()} per group, and {test.correct[epoch - 1].tolist()} in the curves"
