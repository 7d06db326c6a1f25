"""Theorems 1 and 2: linear models end at one interpolator, whatever the weights (Eq. 4, 5).

f(x) = <theta, x> with d > n and a random theta(0). The step size is 1 / lambda_max(X X^T): it serves every q, as q_i
<= 1. The one of the proof, q* lambda_min / (4 A^2) with A = sum |x_i|^2, is in the facts with the steps that it would
need.
"""

import math

import numpy as np
import torch
from torch import Tensor

from wgbench.theory.methods import MAIN, REST
from wgbench.theory.problems import Problem, gaussian, moments
from wgbench.theory.records import Claim, Kept, Measured, Settings
from wgbench.theory.tables import apart, control, other, vanishes
from wgbench.theory.weighing import Weigher, weigher

TOLERANCE, APART, EARLY = 1e-10, 0.1, 50
N, D, TEST = 20, 50, 50
SEEN = (
    "Beyond the theorems: label CVaR, CVaR and chi2-DRO interpolate though many of their weights are 0 at any time, so "
    "that they end at the same point, the only interpolator in the span. DORO drops the example of largest loss, never "
    "fits it, and ends elsewhere; LfF's weights sum to less and less, and it stops before it interpolates."
)


class Descent:
    """Eq. 5 for every draw at once, and what is recorded of it."""

    def __init__(self, problem: Problem, steps: list[int]) -> None:
        self.problem, self.steps = problem, steps
        generator = torch.Generator().manual_seed(1)
        self.start = torch.randn(len(problem.x), D, generator=generator, dtype=torch.float64)
        self.gram = problem.x @ problem.x.transpose(1, 2)
        values = torch.linalg.eigvalsh(self.gram)
        self.lambda_min, self.lambda_max = values[:, 0], values[:, -1]
        self.rate = 1 / self.lambda_max
        r = problem.y - self.outputs(problem.x, self.start)
        self.limit = self.start + (torch.linalg.pinv(problem.x) @ r[:, :, None])[:, :, 0]

    def outputs(self, x: Tensor, theta: Tensor) -> Tensor:
        """<theta, x> for points (S, N, d) and parameters (S, d), (S, N)."""
        return (x @ theta[:, :, None])[:, :, 0]

    @torch.no_grad()
    def run(self, weigh: Weigher, scale: Tensor | None = None) -> dict[str, np.ndarray]:
        """Descend; `scale` (d,) multiplies every gradient, which takes theta out of the span."""
        x, members, wanted = self.problem.x, weigh.members, set(self.steps)
        if members > 1:
            x = x.repeat_interleave(members, 0)
        theta = self.start.repeat_interleave(members, 0)
        eta, y, back = self.rate.repeat_interleave(members)[:, None], self.problem.y, x.transpose(1, 2)
        shape, rows = ((-1, members, N) if members > 1 else (-1, N)), []
        for step in range(self.steps[-1] + 1):
            r = self.outputs(x, theta) - y
            q = weigh((0.5 * r * r).view(shape)).view_as(r)
            if step in wanted:
                rows.append((theta[members - 1 :: members].clone(), q[members - 1 :: members]))
            move = self.outputs(back, q * r)
            theta = theta - eta * (move if scale is None else scale * move)
        return self._facts(torch.stack([t for t, _ in rows]), torch.stack([q for _, q in rows]))

    def _facts(self, theta: Tensor, q: Tensor) -> dict[str, np.ndarray]:
        """What the claim asks of parameters (R, S, d) and weights (R, S, n)."""
        x, moved = self.problem.x, theta - self.start
        inside = (torch.linalg.pinv(x) @ (x @ moved[..., None]))[..., 0]
        residual = (x @ theta[..., None])[..., 0] - self.problem.y
        found = {
            "residual": residual.abs().amax(-1),  # (R, S)
            "outside": (moved - inside).norm(dim=-1) / moved.norm(dim=-1).clamp(min=1e-12),
            "to_limit": (theta - self.limit).norm(dim=-1),
            "test": (self.problem.x_test @ theta[..., None])[..., 0],  # (R, S, m)
            "q": q,
        }
        return {name: value.numpy() for name, value in found.items()}


def measure(settings: Settings, _: Kept) -> Measured:
    """ERM, IW and Group DRO, the rest of the algorithms, and two controls."""
    draws, horizon = settings.draws(10, 2), 12_000 if settings.quick else 30_000
    problem = gaussian(N, TEST, (D,), draws)
    descent = Descent(problem, moments(horizon, 100, (EARLY,)))
    rest = {} if settings.quick else REST
    found = {name: descent.run(weigher(name, problem.split, draws)) for name in MAIN | rest}
    controls = {"subg": descent.run(weigher("subg", problem.split, draws))}
    scale = torch.linspace(0.5, 1.5, D, dtype=torch.float64)
    controls["scaled"] = descent.run(weigher("erm", problem.split, draws), scale)
    at, erm = descent.steps.index(EARLY), found["erm"]["test"]
    gap = {name: np.abs(f["test"] - erm).max(-1) for name, f in (found | controls).items()}  # (R, S)
    pairs = np.max([np.abs(found[a]["test"][-1] - found[b]["test"][-1]).max(-1) for a in MAIN for b in MAIN], 0)
    early = np.min([gap[a][at] for a in MAIN if a != "erm"], 0)
    rows = [
        vanishes("train residual |f(x_i) - y_i|", _worst(found, "residual"), TOLERANCE),
        vanishes("part of theta(t) - theta(0) outside span(x_i)", _worst(found, "outside"), TOLERANCE),
        vanishes(
            "|theta(T) - theta*|, theta* = theta(0) + X^+ (Y - X' theta(0))", _worst(found, "to_limit"), TOLERANCE
        ),
        vanishes("test gap between any two of ERM, IW, Group DRO, at the end", pairs, TOLERANCE),
        apart(f"test gap of IW and Group DRO to ERM at step {EARLY}, the smaller", early, APART),
        *(other(title, descent.steps, found[name]["q"], gap[name][-1], TOLERANCE) for name, title in rest.items()),
        control("SUBG, another training set: test gap to ERM", gap["subg"][-1], TOLERANCE),
        control("ERM with scaled gradients, outside the span: test gap to ERM", gap["scaled"][-1], TOLERANCE),
    ]
    arrays = {"steps": np.asarray(descent.steps)} | {f"gap/{name}": value for name, value in gap.items()}
    arrays |= {f"residual/{name}": f["residual"] for name, f in (found | controls).items()}
    return Measured(rows, arrays, () if settings.quick else (SEEN,), _facts(descent, found, horizon))


def _worst(found: dict[str, dict[str, np.ndarray]], name: str) -> np.ndarray:
    """The largest over ERM, IW and Group DRO at the end, (S,)."""
    return np.asarray(np.max([found[a][name][-1] for a in MAIN], 0))


def _facts(descent: Descent, found: dict[str, dict[str, np.ndarray]], horizon: int) -> dict[str, float | int]:
    """Sizes, and the proof's own step size with the steps that it would need for the tolerance."""
    q = min(float(found[a]["q"][-1].min()) for a in MAIN)
    size = descent.problem.x.square().sum((1, 2))
    proof = q * descent.lambda_min / (4 * size.square())
    needed = 2 * math.log(1 / TOLERANCE**2) / (proof * q * descent.lambda_min)
    return {
        "examples": N,
        "dimensions": D,
        "draws": len(descent.problem.x),
        "steps": horizon,
        "step size, median": float(descent.rate.median()),
        "smallest weight q*": q,
        "step size of the proof, median": float(proof.median()),
        "steps that the proof's step size would need, median": float(needed.median()),
    }


CLAIM = Claim(
    "theorem-1-2",
    "Theorems 1 and 2",
    "Linear models trained by any reweighting algorithm under Assumption 1 converge to one interpolator, "
    "which does not depend on q(t) (Eq. 4, 5).",
    f"Supported iff over all draws every vanishing quantity is at most {TOLERANCE:g} at the end, and the test "
    f"gap at step "
    f"{EARLY} is above {APART:g}.",
    measure,
    version=2,
)
