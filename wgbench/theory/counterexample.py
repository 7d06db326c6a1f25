"""Appendix C.1: the counterexample to the older lemma (Eq. 122-127), measured.

Two networks with a Gaussian last layer differ in one bias b^l_1, by a fixed amount. The older lemma has the
difference of the gradients alpha^{l+1} in h^{l+1} shrink as d^{-1/2} (Eq. 123). The appendix argues that it cannot be
shown to be smaller than O(|theta - theta'|), no factor d^{-1/2}, since |W^{l+1}_1| is of order sqrt(d) (Eq. 126):
rate 0. In that product W^{l+1}_1 meets alpha^{l+2}, of which it is independent at random initialisation, so that the
norms alone overstate it.
"""

import math

import numpy as np
import torch

from wgbench.backbones.ntk import NTKMLP
from wgbench.theory.records import NOT_SUPPORTED, OUTSIDE, SUPPORTED, Claim, Kept, Measured, Row, Settings
from wgbench.theory.stack import Stack, stack
from wgbench.theory.statistics import Floats, rate
from wgbench.theory.wide import BETA, D0, problem

SHIFT = 10.0  # of the bias: beta times as much in h
KEEPS = -0.25  # a rate above it would speak for the counterexample: nearer to 0 than to -1/2
MEASURES = ("|alpha^{l+1} - alpha'^{l+1}|", "|J - J'|_F")


def measure(settings: Settings, _: Kept) -> Measured:
    """Rates of both differences for two depths, and for comparison with a zero last layer."""
    widths = settings.widths or ((32, 64, 128, 256, 512) if settings.quick else (64, 128, 256, 512, 1024))
    seeds = settings.draws(40, 40)
    rows: list[Row] = []
    arrays: dict[str, Floats] = {}
    for depth in (2,) if settings.quick else (2, 3):
        for last in ("gaussian", "zero"):
            found = np.stack([differences(NTKMLP(w, depth, BETA, last), seeds) for w in widths], 1)
            for what, errors in zip(MEASURES, found, strict=True):
                if not errors.any():  # zero last layer: alpha is 0 at the start
                    continue
                title = f"L = {depth}, l = 1, {last.replace('g', 'G')} last layer: {what}"
                rows.append(_row(title, widths, errors, outside=last == "zero"))
                arrays |= {f"{title}/widths": np.array(widths), f"{title}/errors": errors}
    remark = (
        "What it says: at random initialisation the example shrinks about as d^{-1/2}, as the older lemma (Eq. "
        "122, 123) has "
        "it. The norms in Eq. 126 are of the stated order, but the vectors in the product are nearly "
        "orthogonal. So this "
        "example does not refute the lemma, and says nothing on whether its proof is sound. Theorems 5 and 6 do not "
        "depend on it."
    )
    facts = {
        "seeds": seeds,
        "shift of the bias": SHIFT,
        "norm of W^{l+1}_1 over sqrt(d)": column_norm(widths[-1], seeds),
    }
    return Measured(rows, arrays, [remark], facts)


@torch.no_grad()
def differences(backbone: NTKMLP, seeds: int) -> Floats:
    """Differences of alpha^{l+1} and of the Jacobian for l = 1, over |theta - theta'|, first training point, (2, S)."""
    x = problem().x[0].T
    here = stack(backbone, D0, seeds)
    there = here.copy()
    there.biases[1][:, 0] += SHIFT
    found = [
        (alpha(there, x) - alpha(here, x)).norm(dim=1)[:, 0],
        jacobian_distance(here, there, x),
    ]
    return torch.stack(found).div(SHIFT).numpy()


def alpha(net: Stack, x: torch.Tensor) -> torch.Tensor:
    """Gradients in h^2 of the output, (S, d, N)."""
    trace = net.forward(x)
    return net.backward(trace, torch.ones_like(trace.outputs))[1]


def jacobian_distance(a: Stack, b: Stack, x: torch.Tensor) -> torch.Tensor:
    """|J - J'|_F over all parameters and points, (S,), from inner products of the layers' factors."""
    total = torch.zeros(len(a.weights[0]), dtype=torch.float64)
    one, two = a.forward(x), b.forward(x)
    deltas = [net.backward(t, torch.ones_like(t.outputs)) for net, t in ((a, one), (b, two))]
    for xa, da, xb, db in zip(one.inputs, deltas[0], two.inputs, deltas[1], strict=True):
        square = _product(xa, da, xa, da) - 2 * _product(xa, da, xb, db) + _product(xb, db, xb, db)
        total += square.sum(-1) + a.beta**2 * (da - db).square().sum((1, 2))
    return total.clamp(min=0).sqrt()


def _product(xa: torch.Tensor, da: torch.Tensor, xb: torch.Tensor, db: torch.Tensor) -> torch.Tensor:
    """<da xa', db xb'> per point, (S, N)."""
    return (xa * xb).sum(-2) * (da * db).sum(-2)


def column_norm(width: int, seeds: int) -> float:
    """Median over seeds of |W^{l+1}_1| / sqrt(d): of order 1, as the appendix says."""
    net = stack(NTKMLP(width, 3, BETA, "gaussian"), D0, seeds)
    return float(net.weights[2][:, :, 0].norm(dim=1).median()) / math.sqrt(width)


def _row(what: str, widths: tuple[int, ...], errors: Floats, *, outside: bool) -> Row:
    """The counterexample is supported iff the whole interval of the rate lies above KEEPS."""
    found, ends, level = rate(widths, errors)
    keeps = SUPPORTED if ends[0] > KEEPS else NOT_SUPPORTED
    return Row(
        what=what,
        predicted="no prediction" if outside else "rate 0: no factor d^{-1/2}",
        measured=found,
        interval=ends,
        verdict=OUTSIDE if outside else keeps,
        note=f".9-quantile {level[0]:.2g} at width {widths[0]}, {level[-1]:.2g} at {widths[-1]}",
    )


CLAIM = Claim(
    "appendix-c1",
    "Appendix C.1",
    "Two parameter vectors that differ in one bias: the gradients differ by O(|theta - theta'|) without the "
    "factor d^{-1/2} of "
    "the older lemma (Eq. 122-127).",
    f"Supported iff the lower end of the 95 % bootstrap interval of the rate in width is above {KEEPS:g}.",
    measure,
    version=2,
)
