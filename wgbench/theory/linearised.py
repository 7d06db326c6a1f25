"""Corollary 3: the same for linearised networks (Eq. 6, 7), a fully connected and a small convolutional one.

The descent runs in function space (see `tangent`), with step size 1 / lambda_max of the Gram matrix. Weights that never
change are followed by eigendecomposition too, and the benchmark's engine trains the same tangent model for a few steps.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wgbench import backbones
from wgbench.theory.methods import MAIN, REST
from wgbench.theory.problems import Problem, gaussian
from wgbench.theory.records import Claim, Kept, Measured, Row, Settings
from wgbench.theory.reference import trained
from wgbench.theory.tables import apart, control, other, vanishes
from wgbench.theory.tangent import Path, descend, exact, tangents
from wgbench.theory.weighing import weigher

TOLERANCE, EARLY = 1e-8, 50
APART = 1e6 * TOLERANCE  # on the way: paths that never parted would make the limits equal without a reason
STATIC = {"erm": "ERM", "iw-loss": "IW"}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Net:
    """A network, the inputs it gets, and the steps that its Gram matrix asks for."""

    title: str
    name: str
    options: dict[str, int]
    shape: tuple[int, ...]
    norm: float  # of an input
    steps: int
    rest: bool  # whether algorithms beyond the paper's three run too

    def problem(self, draws: int) -> Problem:
        """Gaussian inputs of that norm: the corollary asks for linear independence alone."""
        made = gaussian(12, 20, self.shape, draws, sphere=True)
        x, x_test = self.norm * made.x, self.norm * made.x_test
        return replace(made, x=x, x_test=x_test, split=replace(made.split, x=x[0]))


MLP = Net("MLP", "mlp", {"width": 256}, (32,), 4.0, 15_000, True)
CNN = Net("CNN", "cnn", {"width": 32}, (1, 8, 8), 8.0, 200_000, False)


def measure(settings: Settings, _: Kept) -> Measured:
    """Both networks; quickly, the MLP alone."""
    rows: list[Row] = []
    arrays: dict[str, Floats] = {}
    facts: dict[str, float | int] = {"examples": 12, "draws": settings.draws(5, 2)}
    for net in (MLP,) if settings.quick else (MLP, CNN):
        run = Run(net, settings)
        rows += run.rows()
        arrays |= {f"{net.title}/{name}": value for name, value in run.arrays().items()}
        low, high = run.tangent.extremes
        facts |= {
            f"{net.title}: steps": run.horizon,
            f"{net.title}: lambda_max / lambda_min": float((high / low).max()),
        }
    return Measured(rows, arrays, (), facts)


class Run:
    """All algorithms on the tangent models of one network."""

    def __init__(self, net: Net, settings: Settings) -> None:
        self.net, self.draws = net, settings.draws(5, 2)
        self.horizon = 8_000 if settings.quick else net.steps
        self.problem = net.problem(self.draws)
        self.backbone = backbones.make(net.name, **net.options)
        self.tangent = tangents(self.backbone, self.problem)
        self.rate = 1 / self.tangent.extremes[1]
        self.rest = REST if net.rest and not settings.quick else {}
        self.paths = {name: self._path(name) for name in [*MAIN, *self.rest, "subg"]}

    def _path(self, name: str, horizon: int | None = None) -> Path:
        weigh = weigher(name, self.problem.split, self.draws)
        return descend(self.tangent, self.problem.split, weigh, horizon or self.horizon, self.rate)

    def rows(self) -> list[Row]:
        """What the corollary says, the rest, and a control."""
        title, paths, y = self.net.title, self.paths, self.problem.y
        residual = worst(paths[a].train[-1] - y for a in MAIN)
        limit = self.tangent.interpolator(y)
        ends = [paths[a].test[-1] for a in MAIN]
        return [
            vanishes(f"{title}: train residual |f(x_i) - y_i|", residual, TOLERANCE),
            vanishes(f"{title}: test gap to the interpolator in the span", worst(e - limit for e in ends), TOLERANCE),
            vanishes(
                f"{title}: test gap between any two of ERM, IW, Group DRO, at the end",
                worst(a - b for a in ends for b in ends),
                TOLERANCE,
            ),
            apart(
                f"{title}: largest test gap of IW and Group DRO to ERM on the way, the smaller", self._apart(), APART
            ),
            vanishes(f"{title}: ERM and IW by eigendecomposition, largest difference", self._exact(), TOLERANCE),
            vanishes(f"{title}: the engine, Group DRO, {EARLY} steps, difference", self._engine(), TOLERANCE),
            *(
                other(f"{title}, {name}", paths[a].steps, paths[a].q.numpy(), self.gap(a)[-1], TOLERANCE)
                for a, name in self.rest.items()
            ),
            control(f"{title}: SUBG, another training set: test gap to ERM", self.gap("subg")[-1], TOLERANCE),
        ]

    def gap(self, name: str) -> Floats:
        """Largest test gap to ERM at each recorded step, (R, S)."""
        found: Floats = (self.paths[name].test - self.paths["erm"].test).abs().amax(-1).numpy()
        return found

    def arrays(self) -> dict[str, Floats]:
        """Curves of the figure."""
        curves = {f"gap/{name}": self.gap(name) for name in self.paths if name != "erm"}
        y = self.problem.y
        curves |= {f"residual/{a}": (p.train - y).abs().amax(-1).numpy() for a, p in self.paths.items()}
        return curves | {"steps": np.asarray(self.paths["erm"].steps, float)}

    def _apart(self) -> Floats:
        return np.asarray(np.min([self.gap(a).max(0) for a in MAIN if a != "erm"], 0))

    def _exact(self) -> Floats:
        """Recursion against closed form at all recorded steps, for weights that never change."""
        found = []
        for name in STATIC:
            path = self.paths[name]
            closed = exact(self.tangent, path.q[0, 0], self.problem.y, self.rate, path.steps)
            found.append((closed - path.test).abs().amax((0, 2)).numpy())
        return np.asarray(np.max(found, 0))

    def _engine(self) -> Floats:
        """The engine's training of `linearized:<name>` against the recursion, first draw, after EARLY steps."""
        tangent = backbones.make(f"linearized:{self.net.name}", options=self.net.options)
        end = trained(tangent, "gdro", self.problem, lr=float(self.rate[0]), steps=EARLY)
        here = self.paths["gdro"]
        return np.array([float((end - here.test[here.steps.index(EARLY), 0]).abs().max())])


def worst(differences: Iterable[Tensor]) -> Floats:
    """Largest absolute value per draw (S,) over several tensors (S, N)."""
    found: Floats = torch.stack([d.abs().amax(-1) for d in differences]).amax(0).numpy()
    return found


CLAIM = Claim(
    "corollary-3",
    "Corollary 3",
    "Linearised networks trained by any reweighting algorithm under Assumption 1 converge to one interpolator, "
    "which does not depend on q(t) (Eq. 6, 7).",
    f"Supported iff over all draws every vanishing quantity is at most {TOLERANCE:g} at the end, and the largest test "
    f"gap on the way is above {APART:g}, a million times that.",
    measure,
    version=2,
)
