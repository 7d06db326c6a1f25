import torch

from wgbench.bits import bits, permutation, uniform
from wgbench.engine.stream import order, torch_seed
from wgbench.types import Sampling


def test_bits_are_a_function_of_the_key_alone():
    # Philox4x64 of SeedSequence((1, 2, 3)): any change of these words would change every result of the project.
    assert [int(b) for b in bits(2, 1, 2, 3)] == [int(b) for b in bits(5, 1, 2, 3)[:2]]
    assert bits(4, 1, 2, 3).tolist() != bits(4, 1, 2, 4).tolist()
    assert bits(2, 2002, 1, 1, 3).tolist() == PINNED


PINNED = [8862861859172804283, 17948632135422671693]


def test_uniform_draws_fill_the_unit_interval_evenly():
    u = uniform(100_000, 7)
    assert 0 <= u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1
    assert abs(u.mean() - 0.5) < 0.005


def test_a_permutation_holds_everything_once():
    assert sorted(permutation(1000, 3).tolist()) == list(range(1000))


def test_an_epoch_without_replacement_sees_no_example_twice():
    visits = order(Sampling(torch.ones(100, dtype=torch.int64)), 96, 1, 1, 1)
    assert len(set(visits.tolist())) == 96


def test_a_small_multiset_is_passed_over_again_and_again():
    weight = torch.zeros(100, dtype=torch.int64)
    weight[:10] = torch.tensor([1, 1, 1, 1, 1, 1, 1, 1, 1, 3])
    visits = order(Sampling(weight), 36, 1, 1, 1)
    seen = torch.bincount(visits, minlength=100)
    assert seen.tolist() == [3] * 9 + [9] + [0] * 90  # three whole passes over twelve copies
    assert torch.bincount(visits[:12], minlength=100).tolist() == weight.tolist()


def test_draws_with_replacement_follow_their_probabilities():
    weight = torch.tensor([1.0, 0.0, 3.0])
    share = torch.bincount(order(Sampling(weight), 40_000, 5), minlength=3) / 40_000
    assert abs(share[0] - 0.25) < 0.01
    assert share[1] == 0


def test_epochs_differ_and_repeat():
    plain = Sampling(torch.ones(50, dtype=torch.int64))
    assert order(plain, 50, 1, 1, 1).tolist() != order(plain, 50, 1, 1, 2).tolist()
    assert order(plain, 50, 1, 1, 2).tolist() == order(plain, 50, 1, 1, 2).tolist()
    assert 0 <= torch_seed(1, 2) < 2**63
