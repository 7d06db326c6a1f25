"""Update rules against numbers that were computed from the published formulas, by hand and by reference code."""

import pytest
import torch

from wgbench import algorithms
from wgbench.types import Batch, Split

LOSSES = torch.tensor([0.10, 2.30, 0.70, 0.05, 1.20, 0.40, 3.00, 0.90], dtype=torch.float64)
GROUPS = torch.tensor([0, 1, 0, 0, 2, 0, 1, 2])
BATCH = Batch(torch.arange(8), GROUPS // 2, GROUPS)


def split(counts):
    group = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return Split(torch.zeros(len(group), 1), group // 2, group, n_classes=2, n_groups=len(counts))


def steps(algorithm, train, n=1):
    """(loss, weights, state) after each of n steps on the same batch."""
    state, seen = algorithm.init(train), []
    for _ in range(n):
        weights, state = algorithm.weigh(LOSSES, BATCH, state)
        seen.append((float((weights * LOSSES).sum()), weights, state))
    return seen


@pytest.mark.parametrize("name", ["gdro", "gdro-balanced"])
def test_group_dro_follows_the_reference_for_three_steps(name):
    seen = steps(algorithms.make(name, nu=0.01), split([4, 4, 4, 4]), n=3)
    assert [loss for loss, _, _ in seen] == pytest.approx([1.013658, 1.024268, 1.034954], abs=1e-6)
    q = seen[-1][2]["log_q"].exp().tolist()
    assert q == pytest.approx([0.244757, 0.262537, 0.250233, 0.242473], abs=1e-6)
    expected = [0.006207, 0.292259, 0.043447, 0.003103, 0.150062, 0.024827, 0.381207, 0.112547]
    assert (seen[0][1] * LOSSES).tolist() == pytest.approx(expected, abs=1e-6)


def test_group_dro_loses_the_mass_of_an_absent_group():
    _, weights, state = steps(algorithms.make("gdro"), split([4, 4, 4, 4]))[0]
    assert float(weights.sum()) == pytest.approx(1 - float(state["log_q"][3].exp()), abs=1e-6)


def test_group_dro_keeps_its_weights_positive_where_plain_products_underflow():
    algorithm = algorithms.make("gdro", nu=1.0)
    state = algorithm.init(split([4, 4, 4, 4]))
    for _ in range(300):
        _, state = algorithm.weigh(LOSSES, BATCH, state)
    assert torch.isfinite(state["log_q"]).all()  # q itself is about e^-700 here: zero, and zero for ever
    calm = torch.tensor([9.0, 0, 9, 9, 0, 9, 0, 0], dtype=torch.float64)
    for _ in range(300):
        _, state = algorithm.weigh(calm, BATCH, state)
    assert state["log_q"].argmax() == 0


def test_erm_is_the_mean():
    loss, weights, _ = steps(algorithms.make("erm"), split([4, 4, 4, 4]))[0]
    assert loss == pytest.approx(1.08125)
    assert weights.tolist() == [0.125] * 8


def test_iw_loss_weighs_by_n_over_k_times_group_size():
    train = split([30, 10, 20, 0])  # three groups occur
    _, weights, _ = steps(algorithms.make("iw-loss"), train)[0]
    per_group = [60 / (3 * 30), 60 / (3 * 10), 60 / (3 * 20)]
    assert weights.tolist() == pytest.approx([per_group[g] / 8 for g in GROUPS.tolist()])


def test_iw_loss_sums_to_one_in_expectation_over_the_training_set():
    train = split([30, 10, 20, 5])
    algorithm = algorithms.make("iw-loss")
    whole = Batch(torch.arange(len(train)), train.label, train.group)
    weights, _ = algorithm.weigh(torch.ones(len(train)), whole, algorithm.init(train))
    assert float(weights.sum()) == pytest.approx(1)
    per_group = torch.zeros(4).index_add(0, train.group, weights)
    assert per_group.tolist() == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("name", ["iw", "gdro-balanced"])
def test_balanced_sampling_draws_every_group_that_occurs_equally_often(name):
    train = split([30, 10, 20, 0])
    sampling = algorithms.make(name).sampling(train, torch.Generator())
    assert sampling.weight.is_floating_point()  # draws with replacement
    mass = torch.zeros(4, dtype=torch.float64).index_add(0, train.group, sampling.probability)
    assert mass.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


@pytest.mark.parametrize("name", ["erm", "iw-loss", "gdro"])
def test_plain_shuffling_visits_each_example_once(name):
    sampling = algorithms.make(name).sampling(split([3, 2, 4, 1]), torch.Generator())
    assert not sampling.weight.is_floating_point()
    assert sampling.weight.tolist() == [1] * 10
