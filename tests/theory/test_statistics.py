"""Slopes, intervals and rows: numbers from formulas, and verdicts that fail when they should."""

import numpy as np
import pytest

from wgbench.theory.records import NOT_SUPPORTED, OUTSIDE, SUPPORTED
from wgbench.theory.statistics import interval, largest, quantile90, rate, slope
from wgbench.theory.tables import apart, control, falls, other, vanishes

WIDTHS = (32, 64, 128, 256, 512)


def errors(exponent, spread=0.0):
    """Errors (W, S) that fall as width^exponent."""
    noise = np.random.default_rng(0).normal(0, spread, (len(WIDTHS), 12))
    return np.asarray(WIDTHS, float)[:, None] ** exponent * np.exp(noise)


def test_the_rate_of_a_power_law_is_its_exponent():
    found, (low, high), level = rate(WIDTHS, errors(-0.5))
    assert found == pytest.approx(-0.5, abs=1e-12)
    assert (low, high) == (pytest.approx(-0.5, abs=1e-12), pytest.approx(-0.5, abs=1e-12))
    assert level == pytest.approx(np.asarray(WIDTHS) ** -0.5)


def test_a_slope_is_the_least_squares_one():
    x, y = np.array([0.0, 1, 2, 4]), np.array([1.0, 0, 5, 2])
    assert slope(x, y) == pytest.approx(np.polyfit(x, y, 1)[0])


def test_the_interval_holds_the_statistic_and_repeats():
    values = np.random.default_rng(1).exponential(size=30)
    low, high = interval(values)
    assert low < np.median(values) < high
    assert interval(values) == (low, high)
    assert interval(values, largest)[1] == values.max()


def test_the_quantile_is_numpys():
    assert quantile90(np.arange(11.0)) == 9


@pytest.mark.parametrize(("exponent", "verdict"), [(-0.5, SUPPORTED), (-0.27, SUPPORTED), (-0.2, NOT_SUPPORTED)])
def test_a_rate_is_supported_only_if_its_whole_interval_is_steep_enough(exponent, verdict):
    assert falls("", WIDTHS, errors(exponent)).verdict == verdict


def test_a_rate_that_may_be_too_flat_by_chance_is_not_supported():
    row = falls("", WIDTHS, errors(-0.3, spread=0.6))
    assert row.interval[1] > -0.25
    assert row.verdict == NOT_SUPPORTED


def test_one_draw_above_the_tolerance_suffices_to_fail():
    assert vanishes("", np.array([1e-12, 1e-11]), 1e-10).verdict == SUPPORTED
    assert vanishes("", np.array([1e-12, 1e-9]), 1e-10).verdict == NOT_SUPPORTED
    assert apart("", np.array([0.5, 0.09]), 0.1).verdict == NOT_SUPPORTED


def test_what_is_not_finite_is_not_supported():
    assert vanishes("", np.array([0.0, np.nan]), 1.0).verdict == NOT_SUPPORTED
    assert apart("", np.array([np.inf, 1.0]), 0.1).verdict == NOT_SUPPORTED


def test_a_control_that_vanishes_after_all_is_shown_as_supported():
    row = control("", np.array([1e-12, 3e-12]), 1e-10)
    assert row.control
    assert row.verdict == SUPPORTED


def test_algorithms_whose_weights_do_not_settle_are_outside_the_theorem():
    steps = list(range(101))
    settled = np.full((101, 2, 4), 0.25)
    swinging = settled + 0.2 * (np.arange(101) % 2)[:, None, None] * np.array([1, -1, 0, 0])
    assert other("", steps, settled, np.array([1e-12, 0.0]), 1e-10).verdict == SUPPORTED
    assert other("", steps, settled, np.array([1e-2, 0.0]), 1e-10).verdict == NOT_SUPPORTED
    assert other("", steps, swinging, np.array([1e-12, 0.0]), 1e-10).verdict == OUTSIDE
