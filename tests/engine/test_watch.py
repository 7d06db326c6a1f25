"""What a stage's weights come to: Assumption 1, from two windows."""

import numpy as np

from wgbench.engine.watch import weights_settle


def test_weights_settle():
    found = weights_settle(np.array([1.0, 0.5, 2.0, 0.0]), np.array([1.25, 0.5, 1.0, 0.0]))
    assert found == {"largest_change": 1.0, "smallest": 0.0, "share_zero": 0.25}


def test_examples_that_a_window_did_not_visit_say_nothing():
    found = weights_settle(np.array([1.0, np.nan, 2.0]), np.array([np.nan, 0.5, 1.0]))
    assert found == {"largest_change": 1.0, "smallest": 0.5, "share_zero": 0.0}
    nothing = np.array([np.nan])
    assert set(weights_settle(nothing, nothing).values()) == {None}
