"""Assumption 1: q_i(t) converges, to values above 0. Measured for every dynamic algorithm, on tangent models of an MLP.

An algorithm for which it fails is outside Theorems 1 to 6; Theorems 7 and 8 cover it all the same. The paper reports
that it holds for Group DRO on Waterbirds and CelebA (appendix D.2).
"""

import numpy as np

from wgbench import backbones
from wgbench.theory.linearised import MLP
from wgbench.theory.methods import DYNAMIC, POSITIVE, SETTLED, change, smallest
from wgbench.theory.records import NOT_SUPPORTED, OUTSIDE, SUPPORTED, Claim, Kept, Measured, Row, Settings
from wgbench.theory.statistics import interval, largest
from wgbench.theory.tables import Floats
from wgbench.theory.tangent import descend, tangents
from wgbench.theory.weighing import weigher

CLAIMED = ("gdro",)  # for which the paper says that it holds


def measure(settings: Settings, _: Kept) -> Measured:
    """How far the weights still move, the smallest one, and the share at exactly 0."""
    draws, horizon = settings.draws(5, 2), 1500 if settings.quick else 5000
    problem = MLP.problem(draws)
    tangent = tangents(backbones.make(MLP.name, **MLP.options), problem)
    rate = 1 / tangent.extremes[1]
    rows: list[Row] = []
    arrays: dict[str, Floats] = {}
    for name, title in DYNAMIC.items():
        path = descend(tangent, problem.split, weigher(name, problem.split, draws), horizon, rate)
        q = path.q.numpy()
        rows.append(_row(name, title, path.steps, q))
        arrays |= {f"q/{name}": q[:, 0], "steps": np.array(path.steps)}
    return Measured(rows, arrays, (), {"draws": draws, "steps": horizon, "examples": len(problem.split)})


def _row(name: str, title: str, steps: list[int], q: Floats) -> Row:
    moved, least = change(steps, q), smallest(q)
    holds = bool((moved <= SETTLED).all() and (least >= POSITIVE).all())
    claimed = name in CLAIMED
    share, total = float((q[-1] == 0).mean()), float(q[-1].sum(-1).mean())
    return Row(
        what=f"{title}: change of n q_i over the last tenths",
        predicted=f"<= {SETTLED:g}, n q* >= {POSITIVE:g}" if claimed else "no prediction",
        measured=float(moved.max()),
        interval=interval(moved, largest),
        verdict=OUTSIDE if not claimed else SUPPORTED if holds else NOT_SUPPORTED,
        note=f"{'holds' if holds else 'does not hold'} here; smallest n q_i {float(least.min()):.2g}, "
        f"{share:.0%} at 0, "
        f"sum {total:.3g}",
    )


CLAIM = Claim(
    "assumption-1",
    "Assumption 1",
    "The weights q_i(t) converge to constants above 0; the paper finds it for Group DRO (section 3.1, appendix D.2).",
    f"Supported iff for Group DRO n q_i moves by at most {SETTLED:g} between the last two tenths of training "
    f"and ends at "
    f"{POSITIVE:g} or more; for the other algorithms what is seen is reported.",
    measure,
)
