"""From the curves of one run to its scores. A run that diverged counts as 0 from there on."""

from collections.abc import Mapping
from statistics import mean

import numpy as np

from wgbench.evaluation.curves import Counts, Curves, Floats
from wgbench.evaluation.intervals import Bools
from wgbench.evaluation.selection import by_accuracy, by_worst_class, by_worst_group

CellScores = Mapping[str, float | int | None]


def cell_scores(curves: Curves, early: tuple[int, int], last: int) -> dict[str, float | int | None]:
    """Scores of one run, from the first and last epoch of the early window and the length of the final one.

    Epochs count from 1. Worst-group accuracy is a minimum per epoch, then averaged.
    """
    train, test, seen = curves.train, curves.test, curves.visible
    worst, E = test.worst_group_acc, curves.epochs
    at_start = slice(early[0] - 1, early[1]) if early[1] <= E else None
    at_end = slice(E - last, E) if last <= E else None
    wga_early, wga_final = _mean(worst, at_start), _mean(worst, at_end)
    selected = by_worst_group(seen)
    wga_selected = float(worst[selected])
    interpolated = _first(train.acc_correct * 1000 >= 999 * train.n)  # 99.9 %, in integers
    in_time = interpolated is not None and 2 * interpolated <= E
    return {
        "wga_early": wga_early,
        "wga_selected": wga_selected,
        "wga_selected_by_acc": float(worst[by_accuracy(seen)]),
        "wga_selected_by_worst_class": float(worst[by_worst_class(seen)]),
        "wga_final": wga_final,
        "val_wga_final": _mean(curves.val.worst_group_acc, at_end),
        "selected_epoch": selected + 1 if selected < _trained(curves) else None,
        "interpolation_epoch": interpolated,
        "hold_epoch": _first(_from_here_on(train.acc_correct == train.n)),
        "overfit_drop": minus(wga_selected, wga_final) if in_time else None,
        "drop_from_early": minus(wga_early, wga_final),
        "train_acc_early": _mean(train.acc, at_start),
        "train_acc_final": _mean(train.acc, at_end),
        "acc_final": _mean(test.acc, at_end),
        "acc_train_weighted_final": _mean(train_weighted(test.group_acc, train.total), at_end),
        "acc_group_mean_final": _mean(np.nanmean(test.group_acc, axis=1), at_end),
        "collapsed": _collapsed(curves),
    }


def train_weighted(group_acc: Floats, train_total: Counts) -> Floats:
    """Group accuracies (..., G) weighted by train counts (G,), (...); groups without examples (NaN) are left out.

    NaN where train has none of the others.
    """
    weights = np.where(np.isnan(group_acc), 0, train_total)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.nan_to_num(group_acc) * weights).sum(axis=-1) / weights.sum(axis=-1))


def minus(a: float | int | None, b: float | int | None) -> float | None:
    """a - b; None where one of them is not known."""
    return None if a is None or b is None else a - b


def _mean(values: Floats, rows: slice | None) -> float | None:
    """Exact mean over the epochs of a window; None where it does not fit or the values are not defined."""
    if rows is None or np.isnan(values[rows]).any():
        return None
    return mean(float(v) for v in values[rows])


def _first(holds: Bools) -> int | None:
    """The first epoch, from 1, at which it holds."""
    return int(holds.argmax()) + 1 if holds.any() else None


def _from_here_on(holds: Bools) -> Bools:
    """Whether it holds at this epoch and at every later one."""
    return np.asarray(np.logical_and.accumulate(holds[::-1])[::-1])


def _trained(curves: Curves) -> int:
    """Epochs before a divergence, or all of them."""
    return curves.epochs if curves.diverged_at is None else curves.diverged_at - 1


def _collapsed(curves: Curves) -> bool:
    """Whether the last epoch that could be evaluated gave one class to every test example."""
    trained = _trained(curves)
    return trained > 0 and int((curves.test.predicted[trained - 1] > 0).sum()) == 1
