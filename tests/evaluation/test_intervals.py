import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wgbench.evaluation.intervals import Interval, bootstrap_worst_group, paired, student, welch_from_halfwidths

fractions = st.floats(0, 1)


def test_five_seeds_use_the_quantile_of_four_degrees_of_freedom():
    interval = student([0.1, 0.2, 0.3, 0.4, 0.5])
    half = 2.776445105 * math.sqrt(0.025) / math.sqrt(5)  # the variance of .1 .. .5 is .1 / 4
    assert interval.mean == pytest.approx(0.3)
    assert interval.high - interval.mean == pytest.approx(half)
    assert interval.mean - interval.low == pytest.approx(half)
    assert interval.n == 5


def test_a_single_seed_has_no_bounds():
    assert student([0.25]) == Interval(0.25, None, None, 1)


def test_no_seed_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        student([])


def test_equal_values_have_an_interval_of_width_zero():
    assert student([0.1] * 3) == Interval(0.1, 0.1, 0.1, 3)


@given(st.lists(fractions, min_size=2, max_size=8), st.randoms())
def test_the_order_of_seeds_does_not_matter(values, random):
    shuffled = random.sample(values, len(values))
    assert student(shuffled) == student(values)
    assert min(values) <= student(values).mean <= max(values)


def test_paired_differences_use_the_common_seeds():
    a, b = {1: 0.9, 2: 0.8, 3: 0.1}, {2: 0.5, 1: 0.7, 4: 0.0}
    interval = paired(a, b)  # .2 and .3
    assert interval.mean == pytest.approx(0.25)
    assert interval.n == 2
    assert interval.high - interval.mean == pytest.approx(12.7062047 * 0.05)  # t_1, sd .0707107 / sqrt(2)


def test_paired_without_a_common_seed_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        paired({1: 0.5}, {2: 0.5})


def test_welch_recovers_the_interval_from_the_values_themselves():
    a, b = [0.56, 0.58, 0.55, 0.57, 0.6], [0.4, 0.52, 0.47]
    own_a, own_b = student(a), student(b)
    found = welch_from_halfwidths(own_a.mean, own_a.high - own_a.mean, 5, own_b.mean, own_b.high - own_b.mean, 3)
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.n == 8


def test_welch_of_the_papers_waterbirds_rows():
    # IW 67.6+-1.1 and ERM 56.3+-1.8 %: standard errors .396190 and .648311 points, 6.62197 degrees of freedom.
    found = welch_from_halfwidths(0.676, 0.011, 5, 0.563, 0.018, 5)
    assert found.mean == pytest.approx(0.113)
    assert found.high - found.mean == pytest.approx(0.018176, abs=5e-7)


def test_welch_of_two_equal_rows_has_their_common_quantile():
    # Equal errors h / t_4: the difference has sqrt(2) h / t_4 and 8 degrees of freedom, t_8 = 2.306004.
    found = welch_from_halfwidths(0.5, 0.02, 5, 0.4, 0.02, 5)
    assert found.high - found.mean == pytest.approx(math.sqrt(2) * 0.02 / 2.776445 * 2.306004, rel=1e-6)


def test_welch_without_spread_and_without_seeds():
    assert welch_from_halfwidths(1.0, 0.0, 5, 0.75, 0.0, 5) == Interval(0.25, 0.25, 0.25, 10)
    assert welch_from_halfwidths(1.0, 0.0, 1, 0.75, 0.1, 5) == Interval(0.25, None, None, 6)


def one_group(n):
    return np.ones((n, 1), dtype=bool)


def test_bootstrap_of_one_group_is_binomial():
    n, right = 400, 300
    low, high = bootstrap_worst_group((np.arange(n) < right)[None], one_group(n), draws=4000)
    expected = stats.binom.ppf([0.025, 0.975], n, right / n) / n
    assert (low, high) == pytest.approx(tuple(expected), abs=0.005)


def test_bootstrap_is_deterministic_and_depends_on_the_seed():
    correct, columns = np.arange(100)[None] % 3 > 0, one_group(100)
    assert bootstrap_worst_group(correct, columns) == bootstrap_worst_group(correct, columns)
    assert bootstrap_worst_group(correct, columns) != bootstrap_worst_group(correct, columns, seed=1)


def naive_bootstrap(correct, columns, draws, rng):
    """Word for word: resample examples, minimum over non-empty groups per seed, mean over seeds."""
    worst = []
    for _ in range(draws):
        index = rng.integers(0, correct.shape[1], correct.shape[1])
        member = columns[index]
        per_seed = [
            min(right[index][member[:, g]].mean() for g in range(columns.shape[1]) if member[:, g].any())
            for right in correct
        ]
        worst.append(np.mean(per_seed))
    return np.percentile(worst, [2.5, 97.5])


def test_bootstrap_agrees_with_the_definition_on_overlapping_groups():
    rng = np.random.default_rng(0)
    columns = rng.random((300, 3)) < [0.8, 0.3, 0.1]
    columns = np.concatenate([columns, np.zeros((300, 1), dtype=bool)], axis=1)  # and an empty group
    correct = rng.random((3, 300)) < 0.7
    found = bootstrap_worst_group(correct, columns, draws=1500)
    assert found == pytest.approx(tuple(naive_bootstrap(correct, columns, 1500, rng)), abs=0.02)


def test_bootstrap_resamples_alike_for_all_seeds():
    # The second seed is right where the first is wrong: on the same resample their mean is one half, always.
    right = np.arange(50) % 4 == 0
    assert bootstrap_worst_group(np.stack([right, ~right]), one_group(50)) == pytest.approx((0.5, 0.5))


def test_bootstrap_without_spread():
    assert bootstrap_worst_group(np.ones((2, 30), dtype=bool), one_group(30), draws=10) == (1, 1)


def test_bootstrap_leaves_out_draws_without_a_scored_example():
    columns = np.zeros((20, 1), dtype=bool)
    columns[0] = True  # in 1 - 19/20^20, two thirds, of the draws
    assert bootstrap_worst_group(np.ones((1, 20), dtype=bool), columns, draws=50) == (1, 1)


@pytest.mark.parametrize(("seeds", "member"), [(0, True), (1, False)])
def test_bootstrap_of_nothing_is_an_error(seeds, member):
    with pytest.raises(ValueError, match="at least one seed and one example"):
        bootstrap_worst_group(np.ones((seeds, 5), dtype=bool), np.full((5, 2), member))
