"""Gradients against the published objectives, written out with autograd, on heavy-tailed losses in float64."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize

from wgbench import algorithms
from wgbench.types import Batch, Split

N, B, G = 60, 24, 4
RTOL = 1e-6


def problem(seed):
    """A batch whose losses are a smooth function of parameters, and the training set that it comes from."""
    rng = torch.Generator().manual_seed(seed)
    group = torch.multinomial(torch.tensor([0.6, 0.05, 0.1, 0.25]), N, replacement=True, generator=rng)
    group[:G] = torch.arange(G)
    train = Split(torch.zeros(N, 1), group // 2, group, n_classes=2, n_groups=G)
    index = torch.randperm(N, generator=rng)[:B]
    x = torch.randn(B, 7, generator=rng, dtype=torch.float64)
    theta = torch.randn(7, generator=rng, dtype=torch.float64, requires_grad=True)
    losses = (x @ theta).abs() ** 3 + 0.01 * (x @ theta) ** 2  # heavy tails
    return train, Batch(index, train.label[index], train.group[index]), theta, losses


def gradient(value, theta):
    return torch.autograd.grad(value, theta, retain_graph=True)[0]


def means(losses, key, n):
    return torch.stack([losses[key == k].mean() if (key == k).any() else losses.sum() * 0 for k in range(n)])


def ours(name, train, batch, losses, **options):
    algorithm = algorithms.make(name, **options)
    weights, state = algorithm.weigh(losses.detach(), batch, algorithm.init(train))
    return (weights * losses).sum(), weights, state


def top(losses, size):
    """Sum of the `size` largest losses, the last one in part."""
    ordered = losses.sort(descending=True).values
    whole = int(size)
    rest = (size - whole) * ordered[whole] if size > whole else 0
    return ordered[:whole].sum() + rest


def chi2_dual(losses, alpha):
    """min over eta by an independent solver; differentiable at the optimum (envelope theorem)."""
    c, l = math.sqrt(1 + (1 / alpha - 1) ** 2), losses.detach().numpy()  # noqa: E741

    def dual(eta):
        return c * np.sqrt(np.mean(np.maximum(l - eta, 0) ** 2)) + eta

    low = l.min() - 10 * (l.max() - l.min())
    eta = optimize.minimize_scalar(dual, bounds=(low, l.max()), method="bounded", options={"xatol": 1e-12}).x
    return c * (losses - eta).clamp(min=0).square().mean().sqrt() + eta


def iw_loss(train, batch, losses, **_):
    n = torch.bincount(train.group, minlength=G)
    return sum(N / (G * n[k]) * losses[batch.group == k].sum() / B for k in range(G))


def gdro(train, batch, losses, nu=0.01, adjustment=0.0, normalize=False):
    risk = means(losses, batch.group, G)
    seen = risk.detach() + adjustment / torch.bincount(train.group, minlength=G).double().sqrt()
    seen = seen / seen.sum() if normalize else seen
    q = torch.full((G,), 1 / G, dtype=torch.float64) * torch.exp(nu * seen)
    return (q / q.sum() * risk).sum()


def gdro_greedy(train, batch, losses, greedy, alpha=0.2):
    risk = means(losses, batch.group, G)  # the first step: running means are the batch's
    return filled(risk, torch.bincount(train.group, minlength=G).double() / N, alpha)


def filled(risk, prior, alpha):
    """CVaR over groups: the linear program max sum w_k m_k with 0 <= w_k <= p_k / alpha, sum w = 1."""
    bounds = [(0, float(p) / alpha) for p in prior]
    solved = optimize.linprog(-risk.detach().numpy(), A_eq=np.ones((1, len(risk))), b_eq=[1], bounds=bounds)
    return (torch.from_numpy(solved.x) * risk).sum()


def label_cvar(train, batch, losses, alpha=0.5):
    prior = torch.bincount(train.label, minlength=2).double() / N
    return filled(means(losses, batch.label, 2), prior, alpha)


def doro(losses, eps):
    return losses.sort(descending=True).values[int(eps * B) :]


OBJECTIVES = [
    ("erm", {}, lambda train, batch, losses: losses.mean()),
    ("iw-loss", {}, iw_loss),
    ("gdro", {"nu": 0.01}, gdro),
    ("gdro", {"nu": 0.3, "adjustment": 2.0}, gdro),
    ("gdro", {"nu": 1.0, "normalize": True}, gdro),
    ("gdro-balanced", {"nu": 0.1}, gdro),
    ("gdro", {"greedy": True, "alpha": 0.3}, gdro_greedy),
    ("gdro", {"greedy": True}, gdro_greedy),
    *[("cvar", {"alpha": a}, lambda t, b, x, alpha: top(x, alpha * B) / (alpha * B)) for a in (0.03, 0.2, 0.37, 1.0)],
    ("cvar", {"alpha": 0.37, "truncate": True}, lambda t, b, x, alpha, truncate: top(x, 8) / 8),
    ("cvar", {"alpha": 0.01, "truncate": True}, lambda t, b, x, alpha, truncate: x.max()),
    (
        "cvar-doro",
        {"alpha": 0.3, "eps": 0.1},  # ranks [2, int(.37 x 24)) = [2, 8)
        lambda t, b, x, alpha, eps: x.sort(descending=True).values[2:8].sum() / (0.3 * (B - 2)),
    ),
    (
        "cvar-doro",
        {"alpha": 0.3, "eps": 0.1, "exact": True},
        lambda t, b, x, alpha, eps, exact: top(doro(x, eps), alpha * 22) / (alpha * 22),
    ),
    *[("chi2", {"alpha": a}, lambda t, b, x, alpha: chi2_dual(x, alpha)) for a in (0.25, 0.5, 0.9)],
    ("chi2-doro", {"alpha": 0.4, "eps": 0.1}, lambda t, b, x, alpha, eps: chi2_dual(doro(x, eps), alpha)),
    ("label-cvar", {}, label_cvar),
    ("label-cvar", {"alpha": 0.9}, label_cvar),
]


@pytest.mark.parametrize(("name", "options", "objective"), OBJECTIVES, ids=lambda v: str(v) if not callable(v) else "")
@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_is_that_of_the_published_objective(name, options, objective, seed):
    train, batch, theta, losses = problem(seed)
    expected = objective(train, batch, losses, **options)
    value, _, _ = ours(name, train, batch, losses, **options)
    g, wanted = gradient(value, theta), gradient(expected, theta)
    assert float((g - wanted).norm() / wanted.norm()) <= RTOL
    if name not in ("iw-loss", "gdro"):
        assert value.item() == pytest.approx(expected.item(), rel=RTOL)


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.77])
def test_cvar_solves_its_linear_program(alpha):
    _, batch, _, losses = problem(0)
    bounds = [(0, 1 / (alpha * B))] * B
    solved = optimize.linprog(-losses.detach().numpy(), A_eq=np.ones((1, B)), b_eq=[1], bounds=bounds)
    _, weights, _ = ours("cvar", None, batch, losses, alpha=alpha)
    assert weights.tolist() == pytest.approx(solved.x.tolist(), abs=1e-9)


@pytest.mark.parametrize("alpha", [0.4, 0.7])
def test_chi2_solves_its_primal_program(alpha):
    """max sum w l over the chi2 ball: 1/B sum (B w - 1)^2 <= (1/alpha - 1)^2."""
    _, batch, _, losses = problem(1)
    ordinary = losses.detach().sqrt()  # SLSQP wants comparable sizes
    l = ordinary.numpy()  # noqa: E741
    ball = {"type": "ineq", "fun": lambda w: (1 / alpha - 1) ** 2 - np.mean((B * w - 1) ** 2)}
    total = {"type": "eq", "fun": lambda w: w.sum() - 1}
    start = np.full(B, 1 / B)
    solved = optimize.minimize(
        lambda w: -w @ l, start, bounds=[(0, 1)] * B, constraints=[ball, total], options={"maxiter": 500, "ftol": 1e-14}
    )
    _, weights, _ = ours("chi2", None, batch, ordinary, alpha=alpha)
    assert float((weights * ordinary).sum()) == pytest.approx(-solved.fun, rel=1e-6)
    assert weights.tolist() == pytest.approx(solved.x.tolist(), abs=1e-4)


PUBLISHED = torch.tensor(np.random.RandomState(0).exponential(1, 64).round(3))
EIGHT = torch.tensor([0.10, 2.30, 0.70, 0.05, 1.20, 0.40, 3.00, 0.90], dtype=torch.float64)


def value(name, losses, label=None, **options):
    n = len(losses)
    label = torch.zeros(n, dtype=torch.int64) if label is None else label
    batch = Batch(torch.arange(n), label, label)
    train = Split(torch.zeros(n, 1), label, label, n_classes=2, n_groups=2)
    algorithm = algorithms.make(name, **options)
    weights, _ = algorithm.weigh(losses, batch, algorithm.init(train))
    return float((weights * losses).sum())


@pytest.mark.parametrize(("alpha", "known"), [(0.1, 3.0), (0.2, 2.7375), (0.3, 2.408333), (0.5, 1.85), (1, 1.08125)])
def test_cvar_of_eight_losses(alpha, known):
    assert value("cvar", EIGHT, alpha=alpha) == pytest.approx(known, abs=1e-6)


def test_values_on_exponential_losses():
    assert [value("cvar", PUBLISHED, alpha=a) for a in (0.1, 0.2, 0.5)] == pytest.approx([3.2615, 2.494594, 1.612813])
    assert [value("chi2", PUBLISHED, alpha=a) for a in (0.2, 0.5)] == pytest.approx([3.823965, 1.907093])
    assert value("cvar-doro", PUBLISHED, alpha=0.1, eps=0.05) == pytest.approx(2.364099)


def test_label_cvar_of_eight_losses():
    assert value("label-cvar", EIGHT, torch.tensor([0, 1, 0, 0, 1, 0, 1, 0]), alpha=0.5) == pytest.approx(1.7325)


def weights(name, losses, **options):
    n = len(losses)
    zeros = torch.zeros(n, dtype=torch.int64)
    algorithm = algorithms.make(name, **options)
    train = Split(torch.zeros(n, 1), zeros, zeros, n_classes=2, n_groups=2)
    return algorithm.weigh(losses, Batch(torch.arange(n), zeros, zeros), algorithm.init(train))[0]


@pytest.mark.parametrize("name", ["cvar", "cvar-doro", "chi2", "chi2-doro", "label-cvar", "gdro"])
def test_equal_losses_share_their_mass(name):
    w = weights(name, torch.full((40,), 0.3))
    assert w.unique().numel() == 1
    assert float(w.sum()) > 0


@pytest.mark.parametrize("name", ["cvar-doro", "chi2-doro"])
def test_dropped_examples_have_weight_zero(name):
    losses = torch.arange(40.0)
    w = weights(name, losses, eps=0.1)
    assert w[36:].tolist() == [0.0] * 4
    assert float(w[:36].sum()) > 0


def test_chi2_has_a_gradient_where_published_code_has_none():
    """B <= k C^2 with k tied maxima: the optimum is eta = max l, and all mass is on the ties."""
    losses = torch.tensor([1.0, 5.0, 5.0, 2.0, 0.0])
    assert weights("chi2", losses, alpha=0.1).tolist() == [0, 0.5, 0.5, 0, 0]
    assert weights("chi2", torch.rand(82), alpha=0.1).max() == 1  # alpha .1 needs B > 82
    assert weights("chi2", torch.rand(400), alpha=0.1).max() < 1


def test_chi2_warns_of_small_batches_before_training():
    from wgbench.config import Recipe

    train = Split(torch.zeros(500, 1), torch.zeros(500), torch.zeros(500), 2, 2)
    small, large = (Recipe(epochs=1, batch_size=b, lr=0.1) for b in (64, 128))
    (line,) = algorithms.make("chi2", alpha=0.1).advise(train, small)
    assert "take more than 82 examples, or a larger alpha" in line
    assert algorithms.make("chi2", alpha=0.1).advise(train, large) == ()


def test_alpha_one_is_erm():
    losses = torch.rand(33)
    for name in ("cvar", "chi2"):
        assert weights(name, losses, alpha=1.0).tolist() == pytest.approx([1 / 33] * 33)
    assert weights("chi2", losses, alpha=0.999).tolist() == pytest.approx([1 / 33] * 33, rel=0.05)


def test_greedy_group_dro_follows_running_means():
    """The reference's rule, written out: running means at rate gamma, an absent group keeps its own."""
    train = Split(torch.zeros(10, 1), torch.zeros(10).long(), torch.tensor([0] * 7 + [1] * 2 + [2]), 2, 3)
    algorithm = algorithms.make("gdro", greedy=True, alpha=0.2, gamma=0.1)
    state = algorithm.init(train)
    first = Batch(torch.arange(3), torch.zeros(3).long(), torch.tensor([0, 1, 1]))
    w, state = algorithm.weigh(torch.tensor([1.0, 3.0, 5.0]), first, state)
    assert state["running"].tolist() == pytest.approx([1, 4, 0])
    # Group 1 is filled to min(1, .2 / .2) = 1: all mass, over its two examples.
    assert w.tolist() == pytest.approx([0, 0.5, 0.5])
    second = Batch(torch.arange(2), torch.zeros(2).long(), torch.tensor([2, 0]))
    w, state = algorithm.weigh(torch.tensor([9.0, 2.0]), second, state)
    assert state["running"].tolist() == pytest.approx([1.1, 4, 9])
    # Group 2 first, up to .1 / .2 = .5; the rest goes to group 1, absent here: its mass is lost.
    assert w.tolist() == pytest.approx([0.5, 0])
