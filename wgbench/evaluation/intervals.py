"""95 % intervals: over seeds (Student-t), of reported against measured means (Welch), over examples (bootstrap)."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import mean, stdev

import numpy as np
from numpy.typing import NDArray

from wgbench.bits import uniform

LEVEL = 0.95
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean of `n` values with its two-sided 95 % interval; no bounds where the values cannot give any."""

    mean: float
    low: float | None
    high: float | None
    n: int


def student(values: Iterable[float]) -> Interval:
    """Student-t interval of the mean, one value per seed. ValueError without values; no bounds for a single one.

    `statistics` sums exactly, so the order of the seeds does not matter.
    """
    xs = [float(v) for v in values]
    if not xs:
        raise ValueError("an interval needs at least one value")
    middle = mean(xs)
    if len(xs) == 1:
        return Interval(middle, None, None, 1)
    half = _quantile(len(xs) - 1) * stdev(xs) / math.sqrt(len(xs))
    return Interval(middle, middle - half, middle + half, len(xs))


def paired(a: Mapping[int, float], b: Mapping[int, float]) -> Interval:
    """Interval of a - b over the seeds that both have. ValueError where they share none."""
    return student(a[seed] - b[seed] for seed in a.keys() & b.keys())


def welch_from_halfwidths(mean_a: float, half_a: float, n_a: int, mean_b: float, half_b: float, n_b: int) -> Interval:
    """Interval of a - b from two reported means and the half-widths of their own 95 % Student-t intervals.

    Standard errors are half-width / t_{n-1}, degrees of freedom Welch-Satterthwaite's. The `n` of the result is
    n_a + n_b; no bounds where either is below 2.
    """
    difference, n = mean_a - mean_b, n_a + n_b
    if min(n_a, n_b) < 2:
        return Interval(difference, None, None, n)
    var_a, var_b = (half_a / _quantile(n_a - 1)) ** 2, (half_b / _quantile(n_b - 1)) ** 2
    if var_a + var_b == 0:
        return Interval(difference, difference, difference, n)
    # Shares of the variance instead of variances: their squares cannot underflow together.
    share = var_a / (var_a + var_b)
    freedom = 1 / (share**2 / (n_a - 1) + (1 - share) ** 2 / (n_b - 1))
    half = _quantile(freedom) * math.sqrt(var_a + var_b)
    return Interval(difference, difference - half, difference + half, n)


def bootstrap_worst_group(correct: Bools, columns: Bools, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of worst-group accuracy over test examples, from correct (S, N) and columns (N, G).

    Worst-group accuracy is the minimum over groups with examples in the draw, then the mean over seeds. ValueError
    without seeds, or without an example in any group.
    """
    return percentiles(worst(bootstrap_group_acc(correct, columns, draws, seed)).mean(axis=1))


def bootstrap_group_acc(correct: Bools, columns: Bools, draws: int = 1000, seed: int = 0) -> Floats:
    """Accuracy per draw, seed and group, (draws, S, G), from correct (S, N) and columns (N, G).

    Every draw takes N examples with replacement, the same for all S seeds; NaN for a group without examples in it. The
    same on every platform and version of numpy. ValueError without seeds, or without an example in any group.
    """
    if not len(correct) or not columns.any():
        raise ValueError("a bootstrap needs at least one seed and one example in a group")
    pattern, of_example = _patterns(correct, columns)
    S, N, G = *correct.shape, columns.shape[1]
    right, member = pattern[:, :S, None], pattern[:, None, S:]
    hits = (right & member).reshape(-1, S * G).astype(np.float64)  # (K, S G)
    members = pattern[:, S:].astype(np.float64)  # (K, G)
    found = np.full((draws, S, G), np.nan)
    for draw in range(draws):
        drawn = of_example[(uniform(N, seed, draw) * N).astype(np.int64)]
        times = np.bincount(drawn, minlength=len(pattern)).astype(np.float64)  # (K,)
        total = times @ members
        np.divide((times @ hits).reshape(S, G), total, out=found[draw], where=np.broadcast_to(total > 0, (S, G)))
    return found


def worst(group_acc: Floats) -> Floats:
    """Minimum over the groups (..., G) that have examples, (...); NaN where none has."""
    lowest = np.where(np.isnan(group_acc), np.inf, group_acc).min(axis=-1)
    return np.where(np.isinf(lowest), np.nan, lowest)


def percentiles(values: Floats) -> tuple[float, float]:
    """The central 95 % of the values of many draws; a draw that says nothing (NaN) is left out."""
    tail = 50 * (1 - LEVEL)
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _patterns(correct: Bools, columns: Bools) -> tuple[Bools, NDArray[np.int64]]:
    """Distinct rows (K, S + G) of (correct, columns), and the row of every example (N,).

    Examples of one pattern are interchangeable, so a draw is a count per pattern, not per example.
    """
    rows = np.concatenate([correct.T, columns], axis=1)
    _, first, of_example = np.unique(np.packbits(rows, axis=1), axis=0, return_index=True, return_inverse=True)
    return rows[first], of_example.reshape(-1)


@cache
def _quantile(freedom: float) -> float:
    """Upper bound of the central 95 % of Student's t."""
    from scipy.special import stdtrit  # scipy.stats would take ten times as long to import

    return float(stdtrit(freedom, (1 + LEVEL) / 2))
