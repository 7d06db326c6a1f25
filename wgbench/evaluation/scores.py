"""From curves to scores: of one cell, of an entry over seeds and weight decays, of predictions and of weights.

All accuracies are fractions. None stands for what a run cannot give: a window longer than the run, a seed that never
interpolated. A diverged cell counts as 0 from there on.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from statistics import mean
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wgbench.config import Protocol, Record
from wgbench.evaluation.curves import Counts, Curves, Floats
from wgbench.evaluation.intervals import Bools, Interval, student
from wgbench.evaluation.selection import by_accuracy, by_worst_class, by_worst_group

BAND = 0.05  # wd_band: how far below wga_selected a weight decay may end
ROUNDING = 1e-9  # a difference of exactly BAND counts, whatever float64 makes of it

Finite = Annotated[float, Field(allow_inf_nan=False)]
CellScores = Mapping[str, float | int | None]
Classes = NDArray[np.integer[Any]]


class Score(Record):
    """A mean over seeds with its 95 % Student-t interval, and beside it the bootstrap over test examples."""

    mean: Finite
    low: Finite | None  # None for a single seed
    high: Finite | None
    n: int = Field(gt=0)
    per_seed: dict[str, Finite]
    bootstrap: tuple[Finite, Finite] | None = None


class Agreement(Record):
    """On one group's test examples: how often model and ERM of the same seed predict the same class.

    `reference` is the agreement of ERM with ERM, mean over pairs of different seeds; None with a single seed. Both are
    None for a group without test examples.
    """

    agreement: Score | None
    reference: Finite | None


class DecayPoint(Record):
    """One weight decay of the grid: means of the last epochs, and whether every seed interpolated at some epoch."""

    weight_decay: Finite
    train_acc: Score | None
    wga: Score | None
    interpolated: bool


class Scores(Record):
    """The scores of an entry: at weight decay 0, unless the name begins with `wd_`. None for what it cannot give."""

    wga_early: Score | None = None
    wga_selected: Score | None = None
    wga_selected_by_acc: Score | None = None
    wga_selected_by_worst_class: Score | None = None
    wga_final: Score | None = None  # what the board ranks by
    val_wga_final: Score | None = None
    selected_epoch: Score | None = None
    interpolation_epoch: Score | None = None
    hold_epoch: Score | None = None
    overfit_drop: Score | None = None
    drop_from_early: Score | None = None
    train_acc_early: Score | None = None
    train_acc_final: Score | None = None
    acc_final: Score | None = None
    acc_train_weighted_final: Score | None = None
    acc_group_mean_final: Score | None = None
    erm_excess_early: Score | None = None
    erm_excess_selected: Score | None = None
    erm_excess_final: Score | None = None
    erm_agreement_final: tuple[Agreement, ...] | None = None  # per group
    wd_curve: tuple[DecayPoint, ...] | None = None  # from the smallest weight decay to the largest
    wd_mean: Score | None = None
    wd_worst: Score | None = None
    wd_best: Score | None = None
    wd_best_at: Finite | None = None  # the weight decay of wd_best
    wd_band: int | None = None
    wd_band_of: int | None = None  # how many weight decays > 0 the grid has


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
        "overfit_drop": _minus(wga_selected, wga_final) if in_time else None,
        "drop_from_early": _minus(wga_early, wga_final),
        "train_acc_early": _mean(train.acc, at_start),
        "train_acc_final": _mean(train.acc, at_end),
        "acc_final": _mean(test.acc, at_end),
        "acc_train_weighted_final": _mean(train_weighted(test.group_acc, train.total), at_end),
        "acc_group_mean_final": _mean(np.nanmean(test.group_acc, axis=1), at_end),
        "collapsed": _collapsed(curves),
    }


def entry_scores(
    cells: Mapping[tuple[int, float], CellScores], protocol: Protocol, baseline: Mapping[int, CellScores] | None = None
) -> Scores:
    """Scores over the protocol's seeds and grid, from those of its cells, keyed by (seed, weight decay).

    `baseline` holds ERM's cells without weight decay, by seed. A score is None where one of its seeds has none; so is
    what the protocol leaves out: weight decay 0, a grid, ERM at one of the seeds. ValueError for a missing cell.
    """
    grid = {
        weight_decay: {seed: _cell(cells, seed, weight_decay) for seed in protocol.seeds}
        for weight_decay in sorted(protocol.weight_decays)
    }
    found: dict[str, Any] = {}
    if 0 in grid:
        found |= {name: _over_seeds(grid[0], name) for name in Scores.model_fields.keys() & grid[0][protocol.seeds[0]]}
        found |= _excess(grid[0], baseline or {})
    if len(grid) > 1:
        found |= _along_grid(grid)
    return Scores.model_validate(found)


def erm_agreement(
    predictions: Mapping[int, Classes], erm: Mapping[int, Classes], columns: Bools
) -> tuple[Agreement, ...]:
    """Agreement with ERM per group, from predicted classes (N,) by seed and membership (N, G).

    A negative class, of a diverged model, agrees with nothing. ValueError where ERM lacks a seed.
    """
    if missing := predictions.keys() - erm.keys():
        raise ValueError(f"no predictions of ERM for seeds {sorted(missing)}")
    same = {seed: _agree(predictions[seed], erm[seed]) for seed in predictions}
    pairs = [_agree(erm[a], erm[b]) for a, b in combinations(sorted(erm), 2)]
    return tuple(_agreement_in(same, pairs, column) for column in columns.T)


def weights_settle(before: Floats, last: Floats) -> dict[str, float | None]:
    """Assumption 1, from effective weights per example (N,) in the last tenth of training and in the tenth before.

    Effective weights are 1 under plain ERM, so changes are already relative to 1/N. NaN, for an example that a window
    did not visit, is skipped; None where nothing is left.
    """
    change, seen = np.abs(last - before), last[~np.isnan(last)]
    change = change[~np.isnan(change)]
    return {
        "largest_change": float(change.max()) if len(change) else None,
        "smallest": float(seen.min()) if len(seen) else None,
        "share_zero": float((seen == 0).mean()) if len(seen) else None,
    }


def train_weighted(group_acc: Floats, train_total: Counts) -> Floats:
    """Group accuracies (..., G) weighted by train counts (G,), (...); groups without examples (NaN) are left out.

    NaN where train has none of the others.
    """
    weights = np.where(np.isnan(group_acc), 0, train_total)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.nan_to_num(group_acc) * weights).sum(axis=-1) / weights.sum(axis=-1))


def seed_score(values: Mapping[int, float | None]) -> Score | None:
    """The score of one value per seed; None where one of them is."""
    known = {seed: float(v) for seed, v in values.items() if v is not None}
    if len(known) < len(values):
        return None
    interval: Interval = student(known.values())
    per_seed = {str(seed): v for seed, v in known.items()}
    return Score(mean=interval.mean, low=interval.low, high=interval.high, n=interval.n, per_seed=per_seed)


def _mean(values: Floats, rows: slice | None) -> float | None:
    """Exact mean over the epochs of a window; None where it does not fit or the values are not defined."""
    if rows is None or np.isnan(values[rows]).any():
        return None
    return mean(float(v) for v in values[rows])


def _minus(a: float | int | None, b: float | int | None) -> float | None:
    return None if a is None or b is None else a - b


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


def _cell(cells: Mapping[tuple[int, float], CellScores], seed: int, weight_decay: float) -> CellScores:
    if (seed, weight_decay) not in cells:
        raise ValueError(f"no cell for seed {seed} and weight decay {weight_decay}")
    return cells[seed, weight_decay]


def _over_seeds(cells: Mapping[int, CellScores], name: str) -> Score | None:
    return seed_score({seed: cell[name] for seed, cell in cells.items()})


def _excess(plain: Mapping[int, CellScores], erm: Mapping[int, CellScores]) -> dict[str, Score | None]:
    """What is left after ERM's score of the same seed; nothing where ERM lacks a seed."""
    if not plain.keys() <= erm.keys():
        return {}
    return {
        f"erm_excess_{moment}": seed_score(
            {s: _minus(plain[s][f"wga_{moment}"], erm[s][f"wga_{moment}"]) for s in plain}
        )
        for moment in ("early", "selected", "final")
    }


def _along_grid(grid: Mapping[float, Mapping[int, CellScores]]) -> dict[str, Any]:
    """The `wd_` scores of a grid in ascending order; those that compare with weight decay 0 only where it is there."""
    found: dict[str, Any] = {"wd_curve": tuple(_point(wd, cells) for wd, cells in grid.items())}
    decayed = {weight_decay: cells for weight_decay, cells in grid.items() if weight_decay > 0}
    found |= _best(decayed)
    if 0 in grid:
        found |= {"wd_mean": _per_seed(grid, mean), "wd_worst": _per_seed(grid, min), **_band(grid[0], decayed)}
    return found


def _point(weight_decay: float, cells: Mapping[int, CellScores]) -> DecayPoint:
    return DecayPoint(
        weight_decay=weight_decay,
        train_acc=_over_seeds(cells, "train_acc_final"),
        wga=_over_seeds(cells, "wga_final"),
        interpolated=all(cell["interpolation_epoch"] is not None for cell in cells.values()),
    )


def _best(decayed: Mapping[float, Mapping[int, CellScores]]) -> dict[str, Any]:
    """Test score at the weight decay with the best mean on val, the smallest on ties."""
    on_val = {weight_decay: _over_seeds(cells, "val_wga_final") for weight_decay, cells in decayed.items()}
    means = {weight_decay: score.mean for weight_decay, score in on_val.items() if score is not None}
    if len(means) < len(decayed):
        return {}
    at = max(means, key=lambda weight_decay: means[weight_decay])
    return {"wd_best": _over_seeds(decayed[at], "wga_final"), "wd_best_at": at}


def _per_seed(
    grid: Mapping[float, Mapping[int, CellScores]], combine: Callable[[Iterable[float]], float]
) -> Score | None:
    """A statistic of final worst-group accuracy over the grid, per seed."""
    finals: dict[int, float | None] = {}
    for seed in next(iter(grid.values())):
        values = [cells[seed]["wga_final"] for cells in grid.values()]
        known = [float(v) for v in values if v is not None]
        finals[seed] = combine(known) if len(known) == len(values) else None
    return seed_score(finals)


def _band(plain: Mapping[int, CellScores], decayed: Mapping[float, Mapping[int, CellScores]]) -> dict[str, int]:
    """How many weight decays stay within BAND of what selection reaches without any."""
    selected = _over_seeds(plain, "wga_selected")
    finals = [score for cells in decayed.values() if (score := _over_seeds(cells, "wga_final")) is not None]
    if selected is None or len(finals) < len(decayed):
        return {}
    within = sum(score.mean >= selected.mean - BAND - ROUNDING for score in finals)
    return {"wd_band": within, "wd_band_of": len(decayed)}


def _agree(a: Classes, b: Classes) -> Bools:
    return np.asarray((a == b) & (a >= 0))


def _agreement_in(same: Mapping[int, Bools], pairs: list[Bools], column: Bools) -> Agreement:
    """Agreement on the members of one group, `column` (N,)."""
    if not column.any():
        return Agreement(agreement=None, reference=None)
    reference = mean(float(pair[column].mean()) for pair in pairs) if pairs else None
    return Agreement(agreement=seed_score({s: float(v[column].mean()) for s, v in same.items()}), reference=reference)
