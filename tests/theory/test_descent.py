"""The theory's loops against the engine's own step, on the same problem."""

import pytest
import torch

from wgbench import algorithms
from wgbench.engine.step import backward
from wgbench.theory.linear import Descent
from wgbench.theory.problems import gaussian
from wgbench.theory.weighing import weigher
from wgbench.types import Batch

STEPS = 30


def by_the_engine(name, problem, descent, draw):
    """Parameters after STEPS of gradient descent with the engine's `backward` on one draw."""
    theta = descent.start[draw].clone().requires_grad_()
    algorithm, split = algorithms.make(name), problem.split
    state = algorithm.init(split)
    rng = torch.Generator().manual_seed(0)
    copies = len(split) * algorithm.sampling(split, rng).probability
    batch = Batch(torch.arange(len(split)), split.label, split.group)
    for _ in range(STEPS):
        losses = 0.5 * (problem.x[draw] @ theta - problem.y) ** 2

        class Drawn(type(algorithm)):
            def weigh(self, losses, batch, state):
                weights, state = algorithm.weigh(losses, batch, state)
                return weights * copies, state  # the expectation of sampling

        _, state = backward(Drawn(), losses, batch, state)
        with torch.no_grad():
            theta -= descent.rate[draw] * theta.grad
            theta.grad = None
    return theta.detach()


@pytest.mark.parametrize("name", ["erm", "iw", "gdro", "cvar", "chi2", "label-cvar"])
def test_the_linear_descent_takes_the_engines_steps(name):
    problem = gaussian(20, 5, (50,), draws=2)
    descent = Descent(problem, [0, STEPS])
    found = descent.run(weigher(name, problem.split, 2))
    for draw in range(2):
        theta = by_the_engine(name, problem, descent, draw)
        assert found["test"][-1, draw] == pytest.approx((problem.x_test[draw] @ theta).numpy(), abs=1e-12)


def test_the_limit_of_theorem_2_is_the_interpolator_nearest_to_the_start():
    problem = gaussian(8, 3, (50,), draws=2)
    descent = Descent(problem, [0, 1])
    x, start, limit = problem.x[0], descent.start[0], descent.limit[0]
    assert (x @ limit).numpy() == pytest.approx(problem.y.numpy(), abs=1e-12)
    null = torch.linalg.svd(x)[2][8:]  # directions that no example sees
    assert (null @ (limit - start)).abs().max() < 1e-12


def test_inputs_lie_in_the_unit_ball():
    problem = gaussian(12, 20, (32,), draws=3)
    assert float(torch.cat([problem.x, problem.x_test], 1).norm(dim=2).max()) == pytest.approx(1)
    sphere = gaussian(12, 20, (32,), draws=3, sphere=True)
    assert sphere.x.norm(dim=2).numpy() == pytest.approx(1)
