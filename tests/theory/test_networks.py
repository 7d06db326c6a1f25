"""Wide networks and tangent models: closed forms against autograd, Monte Carlo and the engine's own training."""

import pytest
import torch

from wgbench import backbones
from wgbench.backbones.linearized import jacobian
from wgbench.backbones.ntk import NTKMLP
from wgbench.engine import stream
from wgbench.engine.stream import For
from wgbench.theory import wide
from wgbench.theory.counterexample import jacobian_distance
from wgbench.theory.limit import expected_product, expected_slopes, limiting_kernel
from wgbench.theory.problems import gaussian
from wgbench.theory.reference import trained
from wgbench.theory.stack import stack
from wgbench.theory.tangent import descend, exact, tangents
from wgbench.theory.weighing import weigher
from wgbench.types import Spec

DEEP = NTKMLP(width=7, depth=2, beta=0.3, last="gaussian")
STEPS = 25


def network(backbone, seed, d0):
    torch.manual_seed(stream.torch_seed(seed, 0, For.INIT))
    return backbone.build(Spec((d0,), 1)).double()


def test_a_stack_computes_what_the_backbone_and_its_jacobian_do():
    x = torch.randn(5, 6, dtype=torch.float64)
    nets = stack(DEEP, 6, seeds=2)
    outputs, kernel = nets.outputs(x.T), nets.kernel(x.T)
    for i in range(2):
        value, gradient = jacobian(network(DEEP, i + 1, 6), x)
        assert outputs[i].numpy() == pytest.approx(value.numpy(), abs=1e-12)
        assert kernel[i].numpy() == pytest.approx((gradient @ gradient.T).numpy(), abs=1e-12)


def test_the_distance_of_jacobians_is_that_of_autograd():
    x = torch.randn(3, 6, dtype=torch.float64)
    nets = stack(DEEP, 6, seeds=1)
    moved = nets.copy()
    moved.biases[1][:, 0] += 2.0
    one = network(DEEP, 1, 6)
    gradients = [jacobian(one, x)[1]]
    with torch.no_grad():
        one.hidden[1].bias[0] += 2.0
    gradients.append(jacobian(one, x)[1])
    expected = (gradients[0] - gradients[1]).norm()
    assert float(jacobian_distance(nets, moved, x.T)) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(("algorithm", "mu", "last"), [("gdro", 0.0, "zero"), ("cvar", 0.2, "gaussian")])
def test_wide_networks_train_as_in_the_engine(algorithm, mu, last):
    run = wide.Wide(width=9, depth=2, algorithm=algorithm, last=last, mu=mu, steps=STEPS, seeds=2)
    found = wide.train(run)["test"][-1]
    for seed in (1, 2):
        end = trained(run.backbone, algorithm, wide.problem(), lr=wide.step_size(run), steps=STEPS, seed=seed, mu=mu)
        assert found[seed - 1] == pytest.approx(end.numpy(), abs=1e-11)


@pytest.mark.parametrize(("algorithm", "mu"), [("gdro", 0.0), ("chi2", 0.1)])
def test_tangent_models_train_as_in_the_engine(algorithm, mu):
    problem, inner = gaussian(8, 4, (6,), draws=1), backbones.make("mlp", width=5)
    tangent = tangents(inner, problem)
    rate = 1 / (mu + tangent.extremes[1])
    path = descend(
        tangent,
        problem.split,
        weigher(algorithm, problem.split, 1),
        STEPS,
        rate,
        torch.tensor([mu], dtype=torch.float64),
    )
    linearised = backbones.make("linearized:mlp", options={"width": 5})
    end = trained(linearised, algorithm, problem, lr=float(rate), steps=STEPS, mu=mu)
    assert path.test[-1, 0].numpy() == pytest.approx(end.numpy(), abs=1e-11)


def test_eigendecomposition_reaches_the_interpolator():
    problem = gaussian(8, 4, (16,), draws=2, sphere=True)
    tangent = tangents(NTKMLP(width=64, last="gaussian"), problem)
    q = weigher("iw", problem.split, 2)(torch.ones(2, 8, dtype=torch.float64))[0]
    assert float(q.sum()) == pytest.approx(1)
    end = exact(tangent, q, problem.y, 1 / tangent.extremes[1], [10**6])[0]
    assert end.numpy() == pytest.approx(tangent.interpolator(problem.y).numpy(), abs=1e-6)


def test_expectations_of_erf_are_those_of_samples():
    covariance = torch.tensor([[1.0, 0.6], [0.6, 2.0]], dtype=torch.float64)
    root = torch.linalg.cholesky(covariance)
    h = root @ torch.randn(2, 400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    slopes = 2 / torch.pi**0.5 * torch.exp(-h * h)
    product = torch.erf(h) @ torch.erf(h).T / h.shape[1]
    assert expected_product(covariance).numpy() == pytest.approx(product.numpy(), abs=4e-3)
    assert expected_slopes(covariance)[0, 1] == pytest.approx(float((slopes[0] * slopes[1]).mean()), abs=4e-3)


@pytest.mark.parametrize("last", ["zero", "gaussian"])
def test_the_limiting_kernel_is_that_of_a_very_wide_network(last):
    x = gaussian(8, 1, (16,), 1, sphere=True).x[0]
    found = stack(NTKMLP(2000, 2, 0.1, last), 16, seeds=4).kernel(x.T).mean(0)
    limit = limiting_kernel(x, 2, 0.1, last)
    assert float((found - limit).norm() / limit.norm()) < 0.05
