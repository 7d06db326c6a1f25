"""The algorithms that a claim is measured on, by what the theorems ask of them."""

import numpy as np
from numpy.typing import NDArray

# The paper's three; its IW is Eq. 2 with fixed q, which in expectation is what sampling with `iw` does.
MAIN = {"erm": "ERM", "iw-loss": "IW", "gdro": "Group DRO"}
# Dynamic weights: whether Assumption 1 holds is measured.
DYNAMIC = {
    "gdro": "Group DRO",
    "label-cvar": "label CVaR",
    "cvar": "CVaR",
    "chi2": "chi2-DRO",
    "cvar-doro": "CVaR-DORO",
    "chi2-doro": "chi2-DORO",
    "lff": "LfF",
}
REST = {name: title for name, title in DYNAMIC.items() if name not in MAIN}
TITLES = MAIN | DYNAMIC | {"subg": "SUBG"}

SETTLED = 0.01  # largest change of n q_i between the last two tenths of a run for "q_i(t) converges"
POSITIVE = 0.001  # smallest n q_i for "q* > 0"

Floats = NDArray[np.float64]


def change(steps: list[int], q: Floats) -> Floats:
    """Largest change (S,) of n q_i from the mean over steps in [.8, .9) T to that over the last tenth; q (R, S, n)."""
    t = np.asarray(steps) / steps[-1]
    before, last = q[(t >= 0.8) & (t < 0.9)].mean(0), q[t >= 0.9].mean(0)
    return np.asarray(q.shape[-1] * np.abs(last - before).max(-1))


def smallest(q: Floats) -> Floats:
    """Smallest n q_i at the end, (S,)."""
    return np.asarray(q.shape[-1] * q[-1].min(-1))


def meets_assumption_1(steps: list[int], q: Floats) -> bool:
    """Whether in a run of every draw the weights settle, and at positive values."""
    return bool((change(steps, q) <= SETTLED).all() and (smallest(q) >= POSITIVE).all())
