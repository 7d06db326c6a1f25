"""Theorem 6: wide networks trained with weights end where ERM ends (Eq. 11).

The largest gap |f - f_ERM| over test points at the end of training, equal initial weights, against width.
"""

import numpy as np

from wgbench.theory.approximation import at, methods, networks, runs
from wgbench.theory.methods import MAIN
from wgbench.theory.records import Claim, Kept, Measured, Row, Settings
from wgbench.theory.tables import Floats, falls, vanishes
from wgbench.theory.wide import kept, problem

FITTED = 1e-3  # largest train residual at which the end of training stands for the limit


def measure(settings: Settings, keep: Kept) -> Measured:
    """One rate per network and reweighting algorithm."""
    rows: list[Row] = []
    arrays: dict[str, Floats] = {}
    residual = np.zeros(settings.draws(10, 10))
    y = problem().y.numpy()
    for title, base, widths in networks(settings):
        for algorithm in (a for a in methods(base, settings) if a != "erm"):
            pairs = [tuple(kept(at(base, w, a), keep) for a in (algorithm, "erm")) for w in widths]
            gap = np.stack([np.abs(a["test"][-1] - b["test"][-1]).max(-1) for a, b in pairs])
            what = f"{title}, {MAIN[algorithm]}: limit of |f - f_ERM|"
            rows.append(falls(what, widths, gap, outside=base.last == "gaussian", control=base.scaling != "ntk"))
            arrays |= {
                f"{title}, {MAIN[algorithm]}/widths": np.array(widths),
                f"{title}, {MAIN[algorithm]}/errors": gap,
            }
            residual = np.max([residual, *(np.abs(run["train"][-1] - y).max(-1) for pair in pairs for run in pair)], 0)
    rows.insert(0, vanishes("train residual |f(x_i) - y_i| at the end, all networks", residual, FITTED))
    return Measured(rows, arrays, (), {"seeds": settings.draws(10, 10), "examples": 8, "test points": 16})


CLAIM = Claim(
    "theorem-6",
    "Theorem 6",
    "As the width grows, the limit of a network trained by any reweighting algorithm under Assumption 1 "
    "approaches that of ERM, "
    "as d^{-1/4}, at any test point (Eq. 11).",
    "Supported iff the networks interpolate and the upper end of the 95 % bootstrap interval of the rate in "
    "width is at most "
    "-1/4, for every network and algorithm within the theorem.",
    measure,
    runs=runs,
)
