"""Accuracy of every group at the moments that scores speak of."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wgbench.evaluation.curves import Curves
from wgbench.evaluation.intervals import Interval, student
from wgbench.results.schema import CellOf, Entry
from wgbench.results.stored import Stored

Moment = Literal["early", "selected", "final"]


def group_accuracies(stored: Stored, moment: Moment) -> Mapping[str, Interval]:
    """Test accuracy of each group that has examples, without weight decay, over seeds.

    Means over the early window or the last epochs, or at the selected epoch. Empty where an epoch of them was not run.
    """
    entry = stored.entry
    cells = [cell for cell in entry.cells if cell.weight_decay == 0]
    rows = [_accuracies(stored.curves[cell.seed, 0.0], cell, entry, moment) for cell in cells]
    kept = [row for row in rows if row is not None]
    if not kept or len(kept) < len(rows):
        return {}
    names = enumerate(entry.dataset.group_names)
    return {name: student(row[g] for row in kept) for g, name in names if not np.isnan(kept[0][g])}


def _accuracies(curves: Curves, cell: CellOf, entry: Entry, moment: Moment) -> NDArray[np.float64] | None:
    """Of one run, (G,)."""
    first, end = {
        "early": entry.protocol.early,
        "selected": (cell.selected_epoch or 0,) * 2,
        "final": (curves.epochs - entry.protocol.last + 1, curves.epochs),
    }[moment]
    if first < 1 or end > curves.epochs:
        return None
    return np.asarray(curves.test.group_acc[first - 1 : end].mean(axis=0))
