"""Theorem 7: with the L2 penalty of Eq. 12, a linearised network of small training risk is close to unregularised ERM.

The proof gives more than the rate: |f_reg(x) - f_ERM(x)| <= sqrt(2) (M0 / s_min) sqrt(eps), eps the unweighted risk,
M0 the largest |grad f_0(x)|, s_min the smallest singular value of the Jacobian over sqrt(n) (Eq. 93-95). Assumption 1
is not needed. "lim sup" is the largest value over the last tenth of a run.

The control pulls towards 0, as common weight decay does, instead of theta(0): theta leaves the span.
"""

import numpy as np
import torch
from torch import Tensor

from wgbench.backbones.ntk import NTKMLP
from wgbench.theory.methods import MAIN, REST
from wgbench.theory.problems import Problem, gaussian
from wgbench.theory.records import NOT_SUPPORTED, OUTSIDE, SUPPORTED, Claim, Kept, Measured, Row, Settings
from wgbench.theory.statistics import interval, largest, median, slope
from wgbench.theory.tables import Floats
from wgbench.theory.tangent import Tangent, descend, tangents
from wgbench.theory.weighing import weigher

N, TEST, D0 = 12, 20, 32
HALF, WITHIN = 0.5, 0.02
RISKS = (1e-9, 1e-3)  # six decades of training risk, over which the exponent is fitted
ROUNDING = 1e-9  # of the bound: an inequality between floating point numbers


class Constants:
    """What the bound of Eq. 95 is made of, and the ERM interpolator, per draw."""

    def __init__(self, tangent: Tangent, y: Tensor) -> None:
        self.y, self.erm = y, tangent.interpolator(y)  # (S, m)
        s_min = (tangent.extremes[0] / N).sqrt()
        self.factor = (2**0.5 * tangent.norm.amax(1) / s_min).numpy()  # (S,)

    def measured(self, train: Tensor, test: Tensor) -> tuple[Floats, Floats]:
        """Risk and largest test gap of outputs (M, S, n), (M, S, m): each (M, S)."""
        risk = 0.5 * (train - self.y).square().mean(-1)
        return risk.numpy(), (test - self.erm).abs().amax(-1).numpy()


def measure(settings: Settings, _: Kept) -> Measured:
    """Every algorithm at every mu; the bound, the exponent, and a control."""
    draws = settings.draws(4, 2)
    mus = torch.logspace(-7, 0, 8 if settings.quick else 15, dtype=torch.float64)
    problem = gaussian(N, TEST, (D0,), draws, sphere=True)
    tangent = tangents(NTKMLP(width=256, last="gaussian"), problem)
    constants = Constants(tangent, problem.y)
    chosen = MAIN | {"cvar": "CVaR"} if settings.quick else MAIN | REST
    found = {a: penalised(a, tangent, problem, mus, constants, 6000 if settings.quick else 16_000) for a in chosen}
    found["decay"] = decayed(tangent, mus, constants)
    rows = [_bound(title, *found[a], constants.factor) for a, title in chosen.items()]
    rows += [_exponent(title, *found[a], outside=a == "lff") for a, title in chosen.items()]
    control = "ERM pulled towards 0, not theta(0)"
    rows += [
        _bound(control, *found["decay"], constants.factor, control=True),
        _exponent(control, *found["decay"], control=True),
    ]
    arrays = {
        f"{kind}/{a}": value for a, pair in found.items() for kind, value in zip(("risk", "gap"), pair, strict=True)
    }
    arrays |= {"mu": mus.numpy(), "factor": constants.factor}
    facts = {"examples": N, "draws": draws, "sqrt(2) M0 / s_min, median": float(np.median(constants.factor))}
    return Measured(rows, arrays, (), facts)


def penalised(
    name: str, tangent: Tangent, problem: Problem, mus: Tensor, constants: Constants, steps: int
) -> tuple[Floats, Floats]:
    """Largest risk and test gap over the last tenth of a descent, at every mu and draw, (M, S) each."""
    draws, many = len(tangent.gram), tangent.repeated(len(mus))
    penalty = mus.repeat(draws)  # each draw at all mu, one draw after another
    low, high = many.extremes
    weigh = weigher(name, problem.split, draws * len(mus))
    path = descend(many, problem.split, weigh, steps, 1 / (penalty + low + high), penalty)
    late = [i for i, step in enumerate(path.steps) if step >= 0.9 * steps]
    shape = (len(late), draws, len(mus), -1)
    values = [t[late].view(shape).transpose(1, 2) for t in (path.train, path.test)]  # (R, M, S, N)
    risk, gap = constants.measured(*values)
    return risk.max(0), gap.max(0)


def decayed(tangent: Tangent, mus: Tensor, constants: Constants) -> tuple[Floats, Floats]:
    """The same at the end of ERM with weight decay towards 0: mu c = -q (r0 + K c), theta = J c."""
    base = tangent.start - tangent.along[:, :N]
    base_test = tangent.start_test - tangent.along[:, N:]
    eye = torch.eye(N, dtype=torch.float64)
    train, test = [], []
    for mu in mus:
        c = torch.linalg.solve(tangent.gram / N + mu * eye, -(base - constants.y)[:, :, None] / N)
        train.append(base + (tangent.gram @ c)[:, :, 0])
        test.append(base_test + (tangent.cross @ c)[:, :, 0])
    return constants.measured(torch.stack(train), torch.stack(test))


def _bound(title: str, risk: Floats, gap: Floats, factor: Floats, *, control: bool = False) -> Row:
    """The explicit bound holds at every mu, draw and test point."""
    ratio = (gap / (factor * np.sqrt(risk))).max(0)  # (S,) over mu; the gap is the largest over test points
    holds = bool(np.isfinite(ratio).all() and ratio.max() <= 1 + ROUNDING)
    return Row(
        what=f"{title}: gap over its bound, largest over mu and test points",
        predicted="> 1 somewhere" if control else "<= 1",
        measured=float(ratio.max()),
        interval=interval(ratio, largest),
        verdict=SUPPORTED if holds else NOT_SUPPORTED,
        control=control,
    )


def _exponent(title: str, risk: Floats, gap: Floats, *, outside: bool = False, control: bool = False) -> Row:
    """Exponent of the gap in the risk over six decades: the median of the draws, each of which must lie within."""
    found = np.array([_fitted(r, g) for r, g in zip(risk.T, gap.T, strict=True)])
    sound = np.isfinite(found).all() and np.abs(found - HALF).max() <= WITHIN
    return Row(
        what=f"{title}: exponent of the gap in the risk",
        predicted=f"not {HALF:.2f}" if control else f"{HALF:.2f} +- {WITHIN:g}",
        measured=float(median(found)),
        interval=interval(found),
        verdict=OUTSIDE if outside else SUPPORTED if sound else NOT_SUPPORTED,
        control=control,
        note="weights do not sum to 1" if outside else "",
    )


def _fitted(risk: Floats, gap: Floats) -> float:
    """Log-log slope over the risks in range; the grid of mu is coarse, so a third of a decade of slack is given."""
    within = (risk >= RISKS[0] / 2) & (risk <= RISKS[1] * 2)
    if within.sum() < 3:
        return float("nan")
    return float(slope(np.log(risk[within]), np.log(gap[within])))


CLAIM = Claim(
    "theorem-7",
    "Theorem 7",
    "A linearised network trained with any weights and the penalty of Eq. 12 is within O(sqrt(eps)) of "
    "unregularised ERM at "
    "any test point, eps its training risk (Eq. 12-14).",
    "Supported iff the explicit bound of Eq. 95 holds at every mu, algorithm and test point, and the exponent "
    "of the gap in "
    f"the risk is {HALF:.2f} +- {WITHIN:g} over six decades, in every draw.",
    measure,
)
