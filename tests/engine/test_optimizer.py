import math

import pytest
import torch
from torch import nn

from wgbench.config import Recipe
from wgbench.engine.optimizer import Optimizer, learning_rate
from wgbench.engine.state import load_module, load_optimizer, optimizer_tensors, prefixed, under


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def recipe(**changes):
    return Recipe(**{"epochs": 10, "batch_size": 4, "lr": 0.1, "momentum": 0.0, **changes})


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_weight_decay_reaches_every_parameter_norms_and_biases_too(kind):
    model = net()
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(1.0)
    optimizer = Optimizer(list(model.parameters()), recipe(weight_decay=0.5, optimizer=kind), 1)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step(0)
    # Without a gradient both rules shrink by lr x weight decay.
    assert {round(float(v), 6) for p in model.parameters() for v in p.detach().flatten()} == {0.95}


def test_l2_to_init_pulls_towards_the_start_not_to_zero():
    model = net()
    start = [p.detach().clone() for p in model.parameters()]
    optimizer = Optimizer(list(model.parameters()), recipe(l2_to_init=0.5), 1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1.0)
            p.grad = torch.zeros_like(p)
    optimizer.step(0)
    for p, s in zip(model.parameters(), start, strict=True):
        assert torch.allclose(p, s + 0.95)  # 1 - lr mu: the gradient of mu/2 |theta - theta(0)|^2 is mu times 1


def test_momentum_is_the_heavy_ball_of_sgd():
    p = nn.Parameter(torch.tensor([0.0]))
    optimizer = Optimizer([p], recipe(momentum=0.9), 1)
    for done in range(3):
        p.grad = torch.tensor([1.0])
        optimizer.step(done)
    assert p.item() == pytest.approx(-0.1 * (1 + 1.9 + 2.71))


def test_schedules():
    constant = recipe(lr=1.0)
    assert [learning_rate(constant, s, 2) for s in (0, 19)] == [1.0, 1.0]
    cosine = recipe(lr=1.0, schedule="cosine", warmup_epochs=2)  # 4 steps of warm-up, 16 of cosine
    assert [learning_rate(cosine, s, 2) for s in (0, 3)] == [0.25, 1.0]
    assert learning_rate(cosine, 12, 2) == pytest.approx(0.5 * (1 + math.cos(math.pi * 8 / 16)))
    assert 0 < learning_rate(cosine, 19, 2) < 0.02


def test_clipping_bounds_the_step():
    p = nn.Parameter(torch.zeros(4))
    optimizer = Optimizer([p], recipe(clip_norm=1.0, lr=1.0), 1)
    p.grad = torch.full((4,), 10.0)
    optimizer.step(0)
    assert float(p.detach().norm()) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_buffers_survive_being_saved(kind):
    def run(save_at):
        p = nn.Parameter(torch.tensor([1.0, -2.0]))
        optimizer = Optimizer([p], recipe(momentum=0.9, optimizer=kind), 1)
        for done in range(6):
            if done == save_at:
                tensors = {k: v.clone() for k, v in optimizer_tensors(optimizer.inner).items()}
                optimizer = Optimizer([p], recipe(momentum=0.9, optimizer=kind), 1)
                load_optimizer(optimizer.inner, tensors)
            p.grad = p.detach() ** 2
            optimizer.step(done)
        return p.detach()

    assert torch.equal(run(None), run(3))


def test_momentum_comes_back_in_the_layout_of_its_parameter():
    """Convolutions lie channels last; a fused step over a buffer in another layout moves the wrong weights."""

    def steps(network, optimizer, x):
        for _ in range(3):
            network(x).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    def begun():
        torch.manual_seed(0)
        network = torch.nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last)
        return network, torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, fused=True)

    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(1)).to(memory_format=torch.channels_last)
    whole, through = begun()
    steps(whole, through, x)
    saved, weights = prefixed("o", optimizer_tensors(through)), {k: v.clone() for k, v in whole.state_dict().items()}
    steps(whole, through, x)
    resumed, again = begun()
    load_module(resumed, weights)
    load_optimizer(again, under("o", saved))
    steps(resumed, again, x)
    assert torch.equal(resumed.weight, whole.weight)
