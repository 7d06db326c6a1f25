"""Gradient descent on tangent models, in function space: Eq. 7 of the paper, with the penalty of Eq. 12.

theta(t) - theta(0) stays in the span of the training gradients, so that it is J c(t) with c in R^n. With the Gram
matrix K = J^T J and residuals r = f - y, a step of the reweighted descent is

    c <- (1 - eta mu) c - eta q(t) * r,    r = r(0) + K c,

and a test point follows as f(x) = f_0(x) + K(x, X) c.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wgbench.backbones.base import Backbone
from wgbench.backbones.linearized import jacobian
from wgbench.engine import stream
from wgbench.engine.stream import For
from wgbench.theory.problems import Problem, moments
from wgbench.theory.weighing import Weigher
from wgbench.types import Spec, Split


@dataclass(frozen=True)
class Tangent:
    """Tangent models of several draws on their training and test points."""

    gram: Tensor  # (S, n, n) of the gradients at theta(0)
    cross: Tensor  # (S, m, n) test against training
    start: Tensor  # (S, n) f_0 on the training points
    start_test: Tensor  # (S, m)
    norm: Tensor  # (S, n + m) |grad f_0(x)| of all points
    along: Tensor  # (S, n + m) <grad f_0(x), theta(0)>

    @property
    def extremes(self) -> tuple[Tensor, Tensor]:
        """Smallest and largest eigenvalue of each Gram matrix, (S,)."""
        values = torch.linalg.eigvalsh(self.gram)
        return values[:, 0], values[:, -1]

    def repeated(self, times: int) -> "Tangent":
        """Each draw several times over, one after another."""
        return Tangent(*(t.repeat_interleave(times, 0) for t in vars(self).values()))

    def interpolator(self, y: Tensor) -> Tensor:
        """Test outputs (S, m) of the interpolator within the span: what Theorem 2 and Corollary 3 say is the limit."""
        c = torch.linalg.solve(self.gram, (y - self.start)[:, :, None])
        limit: Tensor = self.start_test + (self.cross @ c)[:, :, 0]
        return limit


def stacked(parts: list[Tangent]) -> Tangent:
    """The draws of several, one after another."""
    return Tangent(*(torch.cat(tensors) for tensors in zip(*(vars(p).values() for p in parts), strict=True)))


def tangents(backbone: Backbone, problem: Problem) -> Tangent:
    """The tangent model of a fresh network, seed 1, 2, ..., for each draw of the problem."""
    parts = []
    for draw, (x, x_test) in enumerate(zip(problem.x, problem.x_test, strict=True)):
        torch.manual_seed(stream.torch_seed(draw + 1, 0, For.INIT))  # as the engine initialises the cell of that seed
        network = backbone.build(Spec(tuple(x.shape[1:]), 1)).double()
        value, gradient = jacobian(network, torch.cat([x, x_test]))
        n = len(x)
        gram = gradient @ gradient[:n].T
        theta = torch.cat([p.detach().flatten() for p in network.parameters()])
        part = (gram[:n], gram[n:], value[:n], value[n:], gradient.norm(dim=1), gradient @ theta)
        parts.append(Tangent(*(p[None] for p in part)))
    return stacked(parts)


@dataclass(frozen=True)
class Path:
    """A descent at its recorded steps; R of them."""

    steps: list[int]
    train: Tensor  # (R, S, n) outputs
    test: Tensor  # (R, S, m)
    q: Tensor  # (R, S, n) weights of the step that follows
    c: Tensor  # (R, S, n)


@torch.no_grad()
def descend(
    tangent: Tangent,
    split: Split,
    weigher: Weigher,
    steps: int,
    rate: Tensor,
    penalty: Tensor | None = None,
    count: int = 100,
) -> Path:
    """`steps` of descent for every draw, with learning rates (S,) and penalties mu (S,).

    Algorithms that train several networks start each of them at the same theta(0); the last is the result.
    """
    members = weigher.members
    full = tangent.repeated(members) if members > 1 else tangent
    y = 2.0 * split.label.double() - 1
    start = (full.start - y)[:, :, None]
    eta = rate.repeat_interleave(members)[:, None, None]
    shrink = None if penalty is None else 1 - eta * penalty.repeat_interleave(members)[:, None, None]
    c = torch.zeros_like(start)
    shape = (-1, members, len(split)) if members > 1 else (-1, len(split))
    wanted, rows = set(moments(steps, count)), []
    for step in range(steps + 1):
        r = torch.baddbmm(start, full.gram, c)  # (S, n, 1)
        q = weigher((0.5 * r * r).view(shape)).view_as(r)
        if step in wanted:
            kept = (r[:, :, 0] + y, full.start_test + (full.cross @ c)[:, :, 0], q[:, :, 0], c[:, :, 0].clone())
            rows.append([t[members - 1 :: members] for t in kept])
        c = c if shrink is None else shrink * c
        c = torch.addcmul(c, q * r, eta, value=-1)
    return Path(sorted(wanted), *(torch.stack(column) for column in zip(*rows, strict=True)))


@torch.no_grad()
def exact(tangent: Tangent, q: Tensor, y: Tensor, rate: Tensor, steps: list[int]) -> Tensor:
    """Test outputs (R, S, m) under weights q (n,) that stay as they are, by eigendecomposition instead of steps.

    In the coordinates sqrt(Q) r the descent is r <- (I - eta sqrt(Q) K sqrt(Q)) r.
    """
    root = q.sqrt()
    values, vectors = torch.linalg.eigh(root[:, None] * tangent.gram * root)
    along = (vectors.transpose(1, 2) @ (root * (tangent.start - y))[:, :, None])[:, :, 0]  # (S, n)
    found = []
    for t in steps:
        done = (1 - (1 - rate[:, None] * values) ** t) / values
        c = -root * (vectors @ (done * along)[:, :, None])[:, :, 0]
        found.append(tangent.start_test + (tangent.cross @ c[:, :, None])[:, :, 0])
    return torch.stack(found)
