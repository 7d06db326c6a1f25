"""Bootstrap intervals and slopes: what verdicts rest on."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 2000
TINY = 1e-300  # keeps logarithms of exact zeros finite

Statistic = Callable[[Floats], Floats]


def quantile90(values: Floats) -> Floats:
    """The .9-quantile along the last axis."""
    return np.asarray(np.quantile(values, 0.9, axis=-1))


def largest(values: Floats) -> Floats:
    """The largest along the last axis."""
    return np.asarray(values.max(-1))


def smallest(values: Floats) -> Floats:
    """The smallest along the last axis."""
    return np.asarray(values.min(-1))


def median(values: Floats) -> Floats:
    """The median along the last axis."""
    return np.asarray(np.median(values, axis=-1))


def interval(values: Floats, statistic: Statistic = median) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic of independent draws (S,)."""
    low, high = np.quantile(statistic(values[_resampled(len(values))]), (0.025, 0.975))
    return float(low), float(high)


def slope(x: Floats, y: Floats) -> Floats:
    """Least-squares slope of y (..., W) on x (W,)."""
    centred = x - x.mean()
    return np.asarray((y * centred).sum(-1) / np.square(centred).sum())


def rate(
    widths: Sequence[int], errors: Floats, statistic: Statistic = quantile90
) -> tuple[float, tuple[float, float], Floats]:
    """Exponent in width of a statistic over seeds: its log-log slope, a 95 % bootstrap interval, the statistic (W,).

    Errors (W, S). Seeds are resampled at each width by itself.
    """
    x = np.log(np.asarray(widths, float))
    again = np.stack([statistic(row[_resampled(len(row), key)]) for key, row in enumerate(errors)], -1)  # (R, W)
    low, high = np.quantile(slope(x, np.log(np.maximum(again, TINY))), (0.025, 0.975))
    found = statistic(errors)
    return float(slope(x, np.log(np.maximum(found, TINY)))), (float(low), float(high)), found


def _resampled(n: int, key: int = 0) -> NDArray[np.int64]:
    """Indices of the bootstrap's resamples, (RESAMPLES, n): the same in every run."""
    return np.random.default_rng((2022, key)).integers(0, n, (RESAMPLES, n))
