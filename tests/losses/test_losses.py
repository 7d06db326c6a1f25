import math

import pytest
import torch

from wgbench import losses

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
