"""Theorem 5: wide networks stay close to their linearised twins throughout training (Eq. 10).

Per seed, the largest |f_lin(x) - f(x)| over recorded steps and test points; over seeds its .9-quantile, for "with
probability at least 1 - delta". The theorem promises d^{-1/4}. A Gaussian last layer is outside the theorem; mean-
field scaling is the control.
"""

from collections.abc import Iterator

import numpy as np

from wgbench.theory.methods import MAIN
from wgbench.theory.records import Claim, Kept, Measured, Row, Settings
from wgbench.theory.tables import Floats, falls
from wgbench.theory.wide import Wide, kept

WIDTHS = {1: (64, 128, 256, 512, 1024), 2: (32, 64, 128, 256, 512)}
QUICK = {1: (32, 64, 128, 256, 512)}
GAUSSIAN = {1: WIDTHS[1], 2: (16, 32, 64, 128, 256)}
CONTROL = (32, 64, 128, 256, 512)


def networks(settings: Settings) -> Iterator[tuple[str, Wide, tuple[int, ...]]]:
    """What is trained, but for width and algorithm: a title, and the widths."""
    steps, seeds = 1000 if settings.quick else 2500, settings.draws(10, 10)
    for depth, widths in (QUICK if settings.quick else WIDTHS).items():
        yield f"L = {depth}", Wide(width=1, depth=depth, steps=steps, seeds=seeds), settings.widths or widths
    if not settings.quick:
        for depth, widths in GAUSSIAN.items():
            title, base = f"L = {depth}, Gaussian last layer", Wide(width=1, depth=depth, last="gaussian", seeds=seeds)
            yield title, base, settings.widths or widths
    yield (
        "mean-field scaling",
        Wide(width=1, scaling="mean-field", steps=600 if settings.quick else 1000, seeds=seeds),
        CONTROL,
    )


def methods(base: Wide, settings: Settings) -> tuple[str, ...]:
    """ERM and IW everywhere; Group DRO, whose weights move, where the theorem speaks."""
    theorem = base.last == "zero" and base.scaling == "ntk"
    return ("erm", "iw-loss", "gdro") if theorem and not settings.quick else ("erm", "iw-loss")


def at(base: Wide, width: int, algorithm: str) -> Wide:
    """The run of one width and algorithm."""
    return base.model_copy(update={"width": width, "algorithm": algorithm})


def runs(settings: Settings) -> list[Wide]:
    """All runs that this claim and Theorem 6 need."""
    return [
        at(base, width, algorithm)
        for _, base, widths in networks(settings)
        for width in widths
        for algorithm in methods(base, settings)
    ]


def measure(settings: Settings, keep: Kept) -> Measured:
    """One rate per network and algorithm."""
    rows: list[Row] = []
    arrays: dict[str, Floats] = {}
    for title, base, widths in networks(settings):
        for algorithm in methods(base, settings):
            errors = np.stack([distance(kept(at(base, width, algorithm), keep)) for width in widths])
            what = f"{title}, {MAIN[algorithm]}: sup |f_lin - f|"
            rows.append(falls(what, widths, errors, outside=base.last == "gaussian", control=base.scaling != "ntk"))
            arrays |= {
                f"{title}, {MAIN[algorithm]}/widths": np.array(widths),
                f"{title}, {MAIN[algorithm]}/errors": errors,
            }
    rates = [row.measured for row in rows if row.verdict == "supported" and row.measured is not None]
    remarks = (
        [f"The theorem's -1/4 is loose: measured rates run from {min(rates):.2f} to {max(rates):.2f}."] if rates else []
    )
    return Measured(rows, arrays, remarks, {"seeds": settings.draws(10, 10), "examples": 8, "test points": 16})


def distance(run: dict[str, Floats]) -> Floats:
    """Largest |f_lin - f| over recorded steps and test points, (S,)."""
    found: Floats = np.abs(run["test"] - run["test_lin"]).max((0, 2))
    return found


CLAIM = Claim(
    "theorem-5",
    "Theorem 5",
    "A wide network trained by a reweighting algorithm stays within C d^{-1/4} of its linearised twin, at all "
    "times and at any "
    "test point, with probability at least 1 - delta (Eq. 10).",
    "Supported iff the upper end of the 95 % bootstrap interval of the rate in width is at most -1/4, for every "
    "network and "
    "algorithm within the theorem.",
    measure,
    runs=runs,
)
