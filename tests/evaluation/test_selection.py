import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgbench.evaluation.curves import SplitCurve, Visible
from wgbench.evaluation.selection import by_accuracy, by_worst_class, by_worst_group

SELECTORS = (by_worst_group, by_accuracy, by_worst_class)


def split(correct, total, class_correct=None, class_total=None, acc_correct=None, n=None):
    """A curve from correct (E, G) and total (G,); classes equal groups unless given."""
    correct, total = np.array(correct), np.array(total)
    return SplitCurve(
        total=total,
        class_total=total if class_total is None else np.array(class_total),
        n=int(total.sum()) if n is None else n,
        correct=correct,
        class_correct=correct if class_correct is None else np.array(class_correct),
        acc_correct=correct.sum(axis=1) if acc_correct is None else np.array(acc_correct),
        predicted=np.zeros_like(correct),
        loss=np.zeros(correct.shape),
        acc_loss=np.zeros(len(correct)),
    )


def visible(val):
    return Visible(train=split(np.zeros_like(val.correct), val.total), val=val)


def test_each_selector_follows_its_own_accuracy():
    val = split(
        correct=[[9, 2], [6, 5], [8, 3]],
        total=[10, 10],
        class_correct=[[5, 6], [4, 5], [7, 7]],
        class_total=[10, 10],
    )
    assert by_accuracy(visible(val)) == 0  # 11 correct in each epoch: the first
    assert by_worst_group(visible(val)) == 1  # .2, .5, .3
    assert by_worst_class(visible(val)) == 2  # .5, .4, .7


@pytest.mark.parametrize("select", SELECTORS)
def test_the_first_of_tied_epochs_is_selected(select):
    assert select(visible(split([[1, 1], [3, 2], [2, 3], [3, 2]], [6, 6]))) == 1


def test_equal_fractions_of_different_groups_tie():
    # 1/3 of one group, 2/6, 3/9 and 7/21 of others: the same worst accuracy, whatever the denominator.
    total = [3, 6, 9, 21]
    rows = [[3, 6, 9, 7], [3, 2, 9, 21], [1, 6, 9, 21], [3, 6, 3, 21]]
    assert by_worst_group(visible(split(rows, total))) == 0


@given(st.integers(2**25, 2**26 - 1), st.integers(1, 2**10))
def test_the_closest_fractions_of_large_groups_do_not_tie(d, below):
    # (d-k)/d < (d+1-k)/(d+1): neighbours at the top of [0, 1], where doubles are sparsest.
    total = [d, d + 1]
    lower, higher = [d - below, d + 1], [d, d + 1 - below]
    assert by_worst_group(visible(split([lower, higher], total))) == 1


def test_a_group_without_examples_is_ignored():
    assert by_worst_group(visible(split([[4, 0, 5], [5, 0, 6]], [10, 0, 10]))) == 1


def test_diverged_epochs_lose():
    for select in SELECTORS:
        assert select(visible(split([[0, 1], [2, 3], [0, 0], [0, 0]], [5, 5]))) == 1


def test_selection_never_sees_the_test_split():
    assert set(Visible.__dataclass_fields__) == {"train", "val"}
