"""Rows that several claims have in common."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wgbench.theory.methods import meets_assumption_1
from wgbench.theory.records import NOT_SUPPORTED, OUTSIDE, Row, Verdict, at_least, at_most
from wgbench.theory.statistics import Statistic, interval, largest, rate, smallest

Floats = NDArray[np.float64]


def row(what: str, predicted: str, values: Floats, verdict: Verdict, note: str = "") -> Row:
    """A row on the largest of values (S,) over draws; what is not finite is not supported."""
    return _row(what, predicted, values, largest, verdict, note=note)


def vanishes(what: str, values: Floats, tolerance: float, note: str = "") -> Row:
    """Supported iff the largest value is within the tolerance."""
    return row(what, f"-> 0 (<= {tolerance:g})", values, at_most(float(values.max()), tolerance), note)


def apart(what: str, values: Floats, bound: float) -> Row:
    """Supported iff the smallest value is at least `bound`: algorithms differ on the way."""
    return _row(what, f"> {bound:g}: the paths differ", values, smallest, at_least(float(values.min()), bound))


def control(what: str, values: Floats, tolerance: float) -> Row:
    """The same rule as `vanishes`, where a condition of the theorem is violated: it must come out not supported."""
    found = _row(what, "must not vanish", values, smallest, at_most(float(values.min()), tolerance))
    return found.model_copy(update={"control": True})


def other(title: str, steps: list[int], q: Floats, gap: Floats, tolerance: float) -> Row:
    """An algorithm beyond the paper's three: judged where its weights (R, S, n) meet Assumption 1 in this very run."""
    what = f"{title}: test gap to ERM at the end"
    if meets_assumption_1(steps, q):
        return vanishes(what, gap, tolerance, "Assumption 1 holds in this run")
    return row(what, "no prediction", gap, OUTSIDE, "Assumption 1 does not hold in this run")


def falls(
    what: str,
    widths: Sequence[int],
    errors: Floats,
    *,
    bound: float = -0.25,
    outside: bool = False,
    control: bool = False,
) -> Row:
    """Supported iff errors (W, S) fall with width: the upper end of the rate's interval is at most `bound`."""
    found, ends, level = rate(widths, errors)
    verdict = OUTSIDE if outside else at_most(ends[1], bound)
    predicted = f"rate > {bound:g}" if control else "no prediction" if outside else f"rate <= {bound:g}"
    note = f".9-quantile {level[0]:.2g} at width {widths[0]}, {level[-1]:.2g} at {widths[-1]}"
    return Row(
        what=what, predicted=predicted, measured=found, interval=ends, verdict=verdict, control=control, note=note
    )


def _row(what: str, predicted: str, values: Floats, of: Statistic, verdict: Verdict, note: str = "") -> Row:
    return Row(
        what=what,
        predicted=predicted,
        measured=float(of(values)),
        interval=interval(values, of),
        verdict=verdict if np.isfinite(values).all() else NOT_SUPPORTED,
        note=note,
    )
