"""Outside the theorems: the logistic loss on separable data, normalised gradient descent. A trend, no verdict.

theta(t+1) = theta(t) - eta(t) g / |g| with g the weighted gradient and eta(t) = 1 / sqrt(t + 1). ERM is known to turn
towards the direction of largest margin (Soudry et al. 2018; Nacson et al. 2019); shown is how far ERM, IW and Group
DRO have turned.
"""

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor

from wgbench.losses import make
from wgbench.theory.methods import MAIN
from wgbench.theory.problems import Problem, gaussian, moments
from wgbench.theory.records import OUTSIDE, Claim, Kept, Measured, Row, Settings
from wgbench.theory.statistics import interval
from wgbench.theory.tables import Floats
from wgbench.theory.weighing import weigher

N, D = 20, 50
HARD = 1e8  # C of a support vector machine without slack


def measure(settings: Settings, _: Kept) -> Measured:
    """Margin relative to the largest one, and the angle between algorithms."""
    draws, horizon = settings.draws(5, 2), 2000 if settings.quick else 20_000
    problem = gaussian(N, 1, (D,), draws)
    best = torch.stack([largest_margin(x, problem.y) for x in problem.x])  # (S, d)
    steps = moments(horizon, 60)
    found = {name: descend(name, problem, steps) for name in MAIN}
    shares = {name: (_margin(problem, theta) / _margin(problem, best)).numpy() for name, theta in found.items()}
    cosines = {name: _cosine(theta, found["erm"]).numpy() for name, theta in found.items()}
    rows = [_row(f"{MAIN[a]}: margin over the largest margin", shares[a][-1]) for a in MAIN]
    rows += [_row(f"{MAIN[a]}: cosine with the direction of ERM", cosines[a][-1]) for a in MAIN if a != "erm"]
    arrays: dict[str, Floats] = {"steps": np.array(steps)} | {f"margin/{a}": v for a, v in shares.items()}
    arrays |= {f"cosine/{a}": v for a, v in cosines.items()}
    return Measured(rows, arrays, (), {"examples": N, "dimensions": D, "draws": draws, "steps": horizon})


@torch.no_grad()
def descend(name: str, problem: Problem, steps: list[int]) -> Tensor:
    """Parameters (R, S, d) at the recorded steps, from 0; the loss is the benchmark's cross-entropy."""
    weigh, loss, wanted, rows = weigher(name, problem.split, len(problem.x)), make("cross-entropy"), set(steps), []
    draws, y, label, group = len(problem.x), problem.y, problem.split.label, problem.split.group
    theta = torch.zeros(draws, D, dtype=torch.float64)
    for step in range(steps[-1] + 1):
        f = (problem.x @ theta[:, :, None])[:, :, 0]
        logits = torch.stack([torch.zeros_like(f), f], -1)
        losses = loss.per_example(logits.flatten(0, 1), label.repeat(draws), group.repeat(draws), 1, {}).view_as(f)
        q = weigh(losses)
        if step in wanted:
            rows.append(theta)
        gradient = -((q * y * torch.sigmoid(-y * f))[:, None] @ problem.x)[:, 0]
        theta = theta - gradient / gradient.norm(dim=-1, keepdim=True) / (step + 1) ** 0.5
    return torch.stack(rows)


def largest_margin(x: Tensor, y: Tensor) -> Tensor:
    """The direction through 0 of the largest margin, (d,): examples and their mirror images, separated strictly."""
    machine = SVC(kernel="linear", C=HARD, tol=1e-8)
    machine.fit(torch.cat([x, -x]).numpy(), torch.cat([y, -y]).numpy())
    return torch.from_numpy(machine.coef_[0].copy())


def _margin(problem: Problem, theta: Tensor) -> Tensor:
    f = (problem.x @ theta[..., None])[..., 0]
    margin: Tensor = (problem.y * f).amin(-1) / theta.norm(dim=-1).clamp(min=1e-300)
    return margin


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.cosine_similarity(a, b, dim=-1)


def _row(what: str, values: Floats) -> Row:
    found = float(np.median(values))
    return Row(what=what, predicted="no prediction", measured=found, interval=interval(values), verdict=OUTSIDE)


CLAIM = Claim(
    "logistic",
    "Beyond the theorems: logistic loss",
    "Separable data, logistic loss, normalised gradient descent: direction and margin of ERM, IW and Group DRO "
    "over time.",
    "No verdict: the theorems speak of the squared loss.",
    measure,
)
