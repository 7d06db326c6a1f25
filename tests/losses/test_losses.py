import math

import pytest
import torch

from wgbench import losses
from wgbench.types import Split

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
LABEL = torch.tensor([0, 0, 1])
GROUP = torch.zeros(3, dtype=torch.int64)


def test_cross_entropy_is_minus_log_of_the_softmax():
    got = losses.make("cross-entropy").per_example(LOGITS, LABEL, GROUP, 1, {})
    assert got.tolist() == pytest.approx([math.log1p(math.exp(-2)), math.log1p(math.exp(1)), math.log(2)], rel=1e-6)


def test_smoothing_mixes_in_the_uniform_target():
    plain, other = (losses.make("cross-entropy").per_example(LOGITS, y, GROUP, 1, {}) for y in (LABEL, 1 - LABEL))
    smooth = losses.make("cross-entropy", smoothing=0.2).per_example(LOGITS, LABEL, GROUP, 1, {})
    assert smooth.tolist() == pytest.approx((0.9 * plain + 0.1 * other).tolist(), rel=1e-6)


def test_squared_is_half_the_distance_to_the_one_hot():
    got = losses.make("squared").per_example(LOGITS, LABEL, GROUP, 1, {})
    assert got.tolist() == pytest.approx([0.5 * 1, 0.5 * 2, 0.5 * 1])


def test_squared_with_one_output_has_targets_minus_one_and_one():
    got = losses.make("squared").per_example(torch.tensor([[0.5], [0.5]]), torch.tensor([0, 1]), GROUP[:2], 1, {})
    assert got.tolist() == pytest.approx([0.5 * 1.5**2, 0.5 * 0.5**2])


TRAIN = Split(
    torch.zeros(100, 1), torch.tensor([0] * 80 + [1] * 20), torch.tensor([0] * 70 + [1] * 10 + [2] * 5 + [3] * 15), 2, 4
)
Z = torch.tensor([[2.0, -1.0], [0.5, 0.0], [0.0, 3.0]])
Y = torch.tensor([0, 1, 1])
K = torch.tensor([0, 2, 3])


def of(name, epoch=1, **options):
    loss = losses.make(name, **options)
    return loss.per_example(Z, Y, K, epoch, loss.init(TRAIN)).tolist()


def nll(z, y):
    return float(torch.logsumexp(z, 0) - z[y])


def test_logit_adjustment_adds_tau_log_prior():
    prior = torch.tensor([0.8, 0.2])
    expected = [nll(z + 1.5 * prior.log(), y) for z, y in zip(Z, Y, strict=True)]
    assert of("logit-adjusted", tau=1.5) == pytest.approx(expected, rel=1e-5)


def test_vector_scaling_by_class():
    scale, shift = torch.tensor([1.0, 0.25**0.3]), 1.2 * torch.tensor([0.8, 0.2]).log()
    expected = [nll(scale * z + shift, y) for z, y in zip(Z, Y, strict=True)]
    assert of("vs", gamma=0.3, tau=1.2) == pytest.approx(expected, rel=1e-5)


def test_vector_scaling_by_group_is_the_papers_binary_form():
    n = torch.tensor([70.0, 10, 5, 15])
    delta, iota = (n / 70) ** 0.3, -1.2 * (n / 100).log()
    sign = 2.0 * Y - 1
    margin = sign * (Z[:, 1] - Z[:, 0])
    expected = torch.log(1 + torch.exp(iota[K]) * torch.exp(-delta[K] * margin))
    assert of("vs", gamma=0.3, tau=1.2, by="group") == pytest.approx(expected.tolist(), rel=1e-5)


def test_without_margins_they_are_cross_entropy():
    plain = of("cross-entropy")
    assert of("logit-adjusted", tau=0) == pytest.approx(plain)
    assert of("vs", gamma=0, tau=0) == pytest.approx(plain)


def test_polynomial_tail():
    """Beyond beta 1/(z - (beta - 1))^alpha, to its left the logistic loss scaled to 1 at beta."""
    got = of("poly", alpha=2.0, beta=0.5)
    assert got[0] == pytest.approx(1 / (3 + 0.5) ** 2)  # margin 3
    assert got[1] == pytest.approx(math.log1p(math.exp(0.5)) / math.log1p(math.exp(-0.5)))  # margin -.5
    assert got[2] == pytest.approx(1 / (3 + 0.5) ** 2)
    at = torch.tensor([[0.5 - 1e-6, 0.0], [0.5 + 1e-6, 0.0]])
    joint = losses.make("poly", alpha=2.0, beta=0.5).per_example(at, torch.zeros(2).long(), None, 1, {})
    assert joint.tolist() == pytest.approx([1, 1], abs=1e-5)


def test_ldam_margins_fall_with_the_fourth_root_and_reweighting_is_deferred():
    raw = torch.tensor([80.0, 20.0]) ** -0.25
    margin = 0.5 * raw / raw.max()
    shifted = [z - margin[y] * torch.nn.functional.one_hot(y, 2) for z, y in zip(Z, Y, strict=True)]
    expected = [nll(3 * z, y) for z, y in zip(shifted, Y, strict=True)]
    assert of("ldam", scale=3.0) == pytest.approx(expected, abs=1e-6)
    assert of("ldam", scale=3.0, defer_until=5, epoch=4) == pytest.approx(expected, abs=1e-6)
    weight = torch.tensor([(1 - 0.9) / (1 - 0.9**n) for n in (80, 20)])
    weight = weight / weight.mean()
    deferred = [float(weight[y]) * e for e, y in zip(expected, Y, strict=True)]
    assert of("ldam", scale=3.0, defer_until=5, beta=0.9, epoch=5) == pytest.approx(deferred, abs=1e-6)
