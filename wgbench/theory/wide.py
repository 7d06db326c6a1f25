"""Training runs of wide networks, with their linearised twins: what Theorems 5, 6 and 8 are measured on.

n = 8 inputs and 16 test points on the unit sphere of R^16, beta = .1, step size eta* = 1 / (mu + lambda_min +
lambda_max) of the limiting kernel. The twin is fed the weights q_i(t) of the network (Theorem 5). Mean-field scaling,
a control, has the output divided by another 4 sqrt(d), and a step size larger by 16 d, so that the function moves as
fast.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wgbench.backbones.ntk import NTKMLP
from wgbench.config import Record
from wgbench.theory.limit import limiting_kernel
from wgbench.theory.problems import Problem, gaussian, moments
from wgbench.theory.records import Kept
from wgbench.theory.stack import Scaling, Stack, output_scale, stack
from wgbench.theory.weighing import weigher

N, TEST, D0, BETA = 8, 16, 16, 0.1
Floats = NDArray[np.float64]


class Wide(Record):
    """One run: networks of one width, one algorithm, all seeds."""

    width: int
    depth: int = 1
    algorithm: str = "erm"
    last: Literal["zero", "gaussian"] = "zero"
    scaling: Scaling = "ntk"
    mu: float = 0.0
    steps: int = 2500
    seeds: int = 10

    @property
    def cost(self) -> float:
        """About proportional to the time that it takes."""
        return self.steps * self.seeds * (self.width * 40 + (self.depth - 1) * self.width**2)

    @property
    def backbone(self) -> NTKMLP:
        """The networks' shape."""
        return NTKMLP(width=self.width, depth=self.depth, beta=BETA, last=self.last)


def problem() -> Problem:
    """The training set and the test points of all runs."""
    return gaussian(N, TEST, (D0,), 1, sphere=True)


def step_size(run: Wide) -> float:
    """1 / (mu + lambda_min + lambda_max), eigenvalues of the limiting kernel's Gram matrix."""
    values = torch.linalg.eigvalsh(limiting_kernel(problem().x[0], run.depth, BETA, run.last))
    return float(1 / (run.mu + values[0] + values[-1])) / output_scale(run.scaling, run.width) ** 2


def kept(run: Wide, keep: Kept) -> dict[str, Floats]:
    """The numbers of a run, computed once."""
    return dict(keep("wide", run, lambda: train(run)))


@torch.no_grad()
def train(run: Wide) -> dict[str, Floats]:
    """Outputs at the recorded steps R: `test`, `test_lin` (R, S, m), `train` (R, S, n), weights `q`, `steps`.

    `kernel_min` and `gradient` (S,): smallest eigenvalue of the Gram matrix at the start, largest |grad f_0| of a test
    point; the constants of Eq. 95.
    """
    given = problem()
    points, y = torch.cat([given.x[0], given.x_test[0]]).T.contiguous(), given.y
    x, x_test = points[:, :N].contiguous(), points[:, N:].contiguous()
    net = stack(run.backbone, D0, run.seeds, run.scaling)
    start = net.copy() if run.mu else None
    twin = Twin(net, points, y)
    weigh, rate = weigher(run.algorithm, given.split, run.seeds), step_size(run)
    wanted, rows = set(moments(run.steps, 60)), []
    for step in range(run.steps + 1):
        trace = net.forward(x)
        r = trace.outputs - y
        q = weigh(0.5 * r * r)
        if step in wanted:
            rows.append((net.outputs(x_test), twin.test(), trace.outputs, q))
        twin.descend(q, rate, run.mu)
        net.descend(trace, q * r, rate, start, run.mu)
    names = ("test", "test_lin", "train", "q")
    found = {k: torch.stack(v).numpy() for k, v in zip(names, zip(*rows, strict=True), strict=True)}
    kernel_min = torch.linalg.eigvalsh(twin.kernel).amin(1).numpy()
    return found | {"steps": np.array(sorted(wanted)), "kernel_min": kernel_min, "gradient": twin.norm.numpy()}


class Twin:
    """The linearised networks in function space; as in `tangent`, with the weights given from outside."""

    def __init__(self, net: Stack, points: Tensor, y: Tensor) -> None:
        kernel, outputs = net.kernel(points), net.outputs(points)
        self.kernel, self.cross = kernel[:, :N, :N], kernel[:, N:, :N]
        self.r0, self.test0 = (outputs[:, :N] - y)[:, :, None], outputs[:, N:, None]
        self.norm = kernel.diagonal(dim1=1, dim2=2)[:, N:].amax(1).sqrt()
        self.c = torch.zeros_like(self.r0)

    def test(self) -> Tensor:
        """f_lin on the test points, (S, m)."""
        return torch.baddbmm(self.test0, self.cross, self.c)[:, :, 0]

    def descend(self, q: Tensor, rate: float, mu: float) -> None:
        """One step under weights (S, n)."""
        r = torch.baddbmm(self.r0, self.kernel, self.c)
        self.c = (1 - rate * mu) * self.c - rate * q[:, :, None] * r
