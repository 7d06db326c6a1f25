"""Theorem 4: the tangent kernel at initialisation converges to a deterministic one as width grows (Eq. 36, 37).

Frobenius error of the Gram matrix of eight points on the unit sphere against width, relative to the limit's norm. The
theorem gives no rate; the law of large numbers suggests -1/2. The Gaussian last layer has Jacot et al.'s limit.
Control: mean-field scaling, where the kernel vanishes.
"""

import numpy as np
import torch

from wgbench.backbones.ntk import NTKMLP
from wgbench.theory.limit import limiting_kernel
from wgbench.theory.records import Claim, Kept, Measured, Row, Settings, at_least
from wgbench.theory.stack import Scaling, stack
from wgbench.theory.statistics import interval
from wgbench.theory.tables import Floats, falls
from wgbench.theory.wide import BETA, D0, problem

CASES: tuple[tuple[str, int, str, Scaling], ...] = (
    ("L = 1, zero last layer", 1, "zero", "ntk"),
    ("L = 2, zero last layer", 2, "zero", "ntk"),
    ("L = 3, zero last layer", 3, "zero", "ntk"),
    ("L = 1, Gaussian last layer", 1, "gaussian", "ntk"),
    ("L = 2, Gaussian last layer", 2, "gaussian", "ntk"),
    ("mean-field scaling, L = 1", 1, "zero", "mean-field"),
)
FALLS = -0.25  # a rate that is clearly below 0: the theorem says that the error vanishes, not how fast


def measure(settings: Settings, _: Kept) -> Measured:
    """The rate of every case, and the smallest eigenvalue of every limit."""
    widths = settings.widths or ((32, 64, 128, 256, 512) if settings.quick else (64, 128, 256, 512, 1024))
    seeds = settings.draws(20, 10)
    x = problem().x[0]
    rows: list[Row] = []
    arrays: dict[str, Floats] = {}
    for title, depth, last, scaling in CASES:
        limit = limiting_kernel(x, depth, BETA, last)
        errors, smallest = [], []
        for width in widths:
            backbone = NTKMLP(width=width, depth=depth, beta=BETA, last=last)  # type: ignore[arg-type]
            found = stack(backbone, D0, seeds, scaling).kernel(x.T)
            errors.append(((found - limit).norm(dim=(1, 2)) / limit.norm()).numpy())
            smallest.append(torch.linalg.eigvalsh(found)[:, 0].numpy())
        control = scaling != "ntk"
        rows.append(falls(f"{title}: |Theta(0) - Theta|_F", widths, np.stack(errors), bound=FALLS, control=control))
        if not control:
            rows.append(_positive(title, float(torch.linalg.eigvalsh(limit)[0]), smallest[-1], widths[-1]))
        arrays |= {f"{title}/widths": np.array(widths), f"{title}/errors": np.stack(errors)}
    facts = {"examples": len(x), "seeds": seeds, "beta": BETA}
    return Measured(rows, arrays, (), facts)


def _positive(title: str, limit: float, smallest: Floats, width: int) -> Row:
    return Row(
        what=f"{title}: lambda_min of the limit",
        predicted="> 0",
        measured=limit,
        interval=None,
        verdict=at_least(min(limit, float(smallest.min())), 1e-6),
        note=f"at width {width} over seeds: {interval(smallest)[0]:.2g} to {interval(smallest)[1]:.2g}",
    )


CLAIM = Claim(
    "theorem-4",
    "Theorem 4",
    "At initialisation the tangent kernel converges in probability to a deterministic limit that is not degenerate "
    "(Eq. 36, 37).",
    f"Supported iff the error's rate in width is at most {FALLS:g} at the upper end of its 95 % bootstrap "
    f"interval, and the "
    "smallest eigenvalue is positive.",
    measure,
)
