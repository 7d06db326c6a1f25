import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wgbench.config import Protocol
from wgbench.evaluation.agreement import erm_agreement
from wgbench.evaluation.cell_scores import cell_scores
from wgbench.evaluation.curves import Curves, SplitCurve
from wgbench.evaluation.entry_scores import entry_scores
from wgbench.evaluation.scores import Scores

WATERBIRDS_TRAIN = (3498, 184, 56, 1057)


def split(correct, total, *, n=None, acc_correct=None, predicted=None, class_correct=None):
    """A curve from correct (E, G) and total (G,); the first class holds all examples unless told otherwise."""
    correct, total = np.array(correct), np.array(total)
    n = int(total.sum()) if n is None else n
    acc_correct = correct.sum(axis=1) if acc_correct is None else np.array(acc_correct)
    return SplitCurve(
        total=total,
        class_total=np.array([n, 0] if class_correct is None else [n // 2, n - n // 2]),
        n=n,
        correct=correct,
        class_correct=np.stack([acc_correct, 0 * acc_correct], 1) if class_correct is None else np.array(class_correct),
        acc_correct=acc_correct,
        predicted=np.tile([n - 1, 1], (len(correct), 1)) if predicted is None else np.array(predicted),
        loss=np.zeros(correct.shape),
        acc_loss=np.zeros(len(correct)),
    )


def curves(test, *, val=None, train=None, total=(10, 10), train_total=(1000, 1000), diverged_at=None):
    """Curves from correct (E, G) per split; val is as test, train has learnt nothing, unless given."""
    train = np.zeros_like(test) if train is None else train
    val = test if val is None else val
    return Curves(split(train, train_total), split(val, total), split(test, total), diverged_at)


def score(found, early=(2, 3), last=2):
    return cell_scores(found, early, last)


def cell(**changes):
    """What a cell's scores look like."""
    base = {
        "wga_early": 0.8,
        "wga_selected": 0.85,
        "wga_selected_by_acc": 0.84,
        "wga_selected_by_worst_class": 0.83,
        "wga_final": 0.6,
        "val_wga_final": 0.65,
        "selected_epoch": 12,
        "interpolation_epoch": 40,
        "hold_epoch": 90,
        "overfit_drop": 0.25,
        "drop_from_early": 0.2,
        "train_acc_early": 0.9,
        "train_acc_final": 1.0,
        "acc_final": 0.95,
        "acc_train_weighted_final": 0.94,
        "acc_group_mean_final": 0.8,
        "collapsed": False,
    }
    return base | changes


def entry(per_seed, grid=(0.0,), baseline=None):
    """Scores of an entry whose cells have the same `changes` at every weight decay."""
    protocol = Protocol(seeds=tuple(per_seed), weight_decays=grid)
    return entry_scores({(s, wd): cell(**c) for s, c in per_seed.items() for wd in grid}, protocol, baseline)


# --- one cell


def test_windows_are_one_based_and_inclusive():
    found = score(curves([[1, 9], [2, 9], [4, 9], [5, 9], [8, 9]]))
    assert found["wga_early"] == pytest.approx(0.3)  # epochs 2 and 3
    assert found["wga_final"] == pytest.approx(0.65)  # the last two
    assert found["drop_from_early"] == pytest.approx(-0.35)


def test_the_minimum_is_taken_per_epoch_before_the_mean():
    # Means per group are .5 and .5; the minimum is .2 at either epoch.
    assert score(curves([[2, 8], [8, 2]]), early=(1, 2))["wga_final"] == pytest.approx(0.2)


def test_a_window_longer_than_the_run_is_none():
    found = score(curves([[1, 2], [3, 4]]), early=(2, 3), last=3)
    names = ("wga_early", "train_acc_early", "wga_final", "val_wga_final", "train_acc_final", "acc_final")
    names += ("acc_train_weighted_final", "acc_group_mean_final", "drop_from_early", "overfit_drop")
    assert {name: found[name] for name in names} == dict.fromkeys(names)
    assert found["wga_selected"] == pytest.approx(0.3)


def test_windows_may_fill_the_run():
    found = score(curves([[1, 2], [3, 4]]), early=(1, 2), last=2)
    assert found["wga_early"] == found["wga_final"] == pytest.approx(0.2)


def test_selection_is_on_val_and_reports_test():
    # Worst groups .5, .7, .6; worst classes .7, .5, .6; 14, 14 and 15 of 20 in all.
    val = split([[5, 9], [7, 7], [6, 9]], (10, 10), class_correct=[[7, 7], [5, 9], [6, 9]])
    test = split([[4, 9], [3, 9], [2, 9]], (10, 10))
    found = score(Curves(test, val, test))
    assert (found["wga_selected"], found["selected_epoch"]) == (0.3, 2)
    assert found["wga_selected_by_acc"] == 0.2
    assert found["wga_selected_by_worst_class"] == 0.4


def test_named_averages_differ():
    # Group accuracies .9, .8, .7, .95, with 20 test examples per group and Waterbirds' train counts.
    train, test = split([[0] * 4], WATERBIRDS_TRAIN), split([[18, 16, 14, 19]], (20, 20, 20, 20))
    found = score(Curves(train, test, test), early=(1, 1), last=1)
    assert found["acc_train_weighted_final"] == pytest.approx(0.904849, abs=5e-7)
    assert found["acc_group_mean_final"] == pytest.approx(0.8375)
    assert found["acc_final"] == pytest.approx(67 / 80)


def test_overlapping_groups_keep_the_number_of_examples():
    # Six examples, each in two of three groups: totals sum to 12, accuracy still divides by 6.
    test = split([[4, 2, 2]], (4, 4, 4), n=6, acc_correct=[4])
    found = score(Curves(test, test, test), early=(1, 1), last=1)
    assert found["acc_final"] == pytest.approx(4 / 6)
    assert found["wga_final"] == 0.5
    assert found["acc_train_weighted_final"] == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_a_group_that_is_empty_in_test_is_ignored():
    train, test = split([[0, 0, 0]], (10, 30, 60)), split([[5, 8, 0]], (10, 10, 0))
    found = score(Curves(train, test, test), early=(1, 1), last=1)
    assert found["wga_final"] == 0.5
    assert found["acc_group_mean_final"] == pytest.approx(0.65)
    assert found["acc_train_weighted_final"] == pytest.approx((10 * 0.5 + 30 * 0.8) / 40)


def test_interpolation_starts_at_exactly_999_in_a_thousand():
    train = [[999, 998], [999, 999], [1000, 1000], [1000, 999], [1000, 1000], [1000, 1000]]
    found = score(curves([[5, 5]] * 6, train=train))
    assert found["interpolation_epoch"] == 2
    assert found["hold_epoch"] == 5
    assert found["train_acc_final"] == 1


def test_never_interpolated():
    found = score(curves([[5, 5]] * 4, train=[[990, 990]] * 4))
    assert found["interpolation_epoch"] is None
    assert found["hold_epoch"] is None
    assert found["overfit_drop"] is None
    assert found["drop_from_early"] == 0


@pytest.mark.parametrize(("epoch", "drop"), [(3, pytest.approx(0.5)), (4, None)])
def test_overfit_drop_needs_interpolation_by_half_the_horizon(epoch, drop):
    train = [[0, 0]] * (epoch - 1) + [[1000, 1000]] * (7 - epoch)
    found = score(curves([[9, 9]] * 2 + [[4, 9]] * 4, train=train))
    assert found["overfit_drop"] == drop


def test_zeros_of_a_diverged_cell_count():
    test = [[8, 9], [9, 9], [0, 0], [0, 0]]
    found = score(curves(test, train=[[1000, 1000]] * 2 + [[0, 0]] * 2, diverged_at=3))
    assert found["wga_selected"] == 0.9
    assert found["selected_epoch"] == 2
    assert found["wga_early"] == pytest.approx(0.45)
    assert found["wga_final"] == found["acc_final"] == found["acc_train_weighted_final"] == 0
    assert found["overfit_drop"] == 0.9
    assert found["hold_epoch"] is None
    assert found["collapsed"] is False


def test_a_cell_that_diverged_at_once_selected_nothing():
    found = score(curves([[0, 0]] * 3, diverged_at=1))
    assert found["wga_selected"] == 0
    assert found["selected_epoch"] is None


@pytest.mark.parametrize(
    ("predicted", "diverged_at", "collapsed"),
    [
        ([[10, 10], [0, 20]], None, True),
        ([[0, 20], [10, 10]], None, False),
        ([[0, 20], [0, 0]], 2, True),  # the last epoch that could be evaluated
        ([[0, 0], [0, 0]], 1, False),
    ],
)
def test_collapsed_to_one_class(predicted, diverged_at, collapsed):
    train, test = split([[0, 0]] * 2, (10, 10)), split([[5, 5]] * 2, (10, 10), predicted=predicted)
    assert score(Curves(train, test, test, diverged_at))["collapsed"] is collapsed


@st.composite
def random_curves(draw):
    epochs, groups = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    sizes = st.integers(1, 40)
    parts = []
    for _ in range(3):
        total = draw(st.lists(sizes, min_size=groups, max_size=groups))
        rows = [[draw(st.integers(0, n)) for n in total] for _ in range(epochs)]
        parts.append(split(rows, total))
    return Curves(*parts)


@settings(max_examples=60, deadline=None)
@given(random_curves())
def test_cell_scores_are_fractions_and_json_values(found):
    scores = score(found, early=(1, 2), last=2)
    json.dumps(scores, allow_nan=False)
    assert all(0 <= v <= 1 for name, v in scores.items() if "acc" in name or "wga" in name if v is not None)
    assert all(type(v) in (float, int, bool, type(None)) for v in scores.values())
    assert scores["wga_final"] is None or scores["wga_final"] <= scores["acc_group_mean_final"] + 1e-12


# --- an entry


def test_scores_over_seeds():
    found = entry({s: {"wga_final": v} for s, v in zip((11, 22, 33), (0.5, 0.6, 0.7), strict=True)})
    assert found.wga_final.mean == pytest.approx(0.6)
    assert found.wga_final.high - 0.6 == pytest.approx(4.302653 * 0.1 / 3**0.5)  # t_2
    assert found.wga_final.per_seed == {"11": 0.5, "22": 0.6, "33": 0.7}
    assert found.wga_final.n == 3
    assert found.wga_final.bootstrap is None


def test_one_seed_has_no_interval():
    found = entry({7: {}})
    assert (found.wga_final.mean, found.wga_final.low, found.wga_final.high) == (0.6, None, None)


@pytest.mark.parametrize("name", ["wga_early", "interpolation_epoch", "overfit_drop", "hold_epoch"])
def test_a_score_is_none_if_one_seed_has_none(name):
    found = entry({1: {}, 2: {name: None}})
    assert getattr(found, name) is None
    assert found.wga_selected is not None


def test_every_score_of_a_cell_but_collapsed_is_in_the_entry():
    names = set(score(curves([[1, 2]] * 3))) - {"collapsed"}
    assert all(getattr(entry({1: {}}), name) is not None for name in names)


def test_a_missing_cell_is_an_error():
    with pytest.raises(ValueError, match=r"seed 2 and weight decay 0\.1"):
        entry_scores(
            {(1, 0.0): cell(), (2, 0.0): cell(), (1, 0.1): cell()}, Protocol(seeds=(1, 2), weight_decays=(0.0, 0.1))
        )


def test_excess_is_paired_by_seed():
    baseline = {2: cell(wga_final=0.5), 1: cell(wga_final=0.1), 3: cell(wga_final=0.9)}
    found = entry({1: {"wga_final": 0.2}, 2: {"wga_final": 0.6}}, baseline=baseline)
    assert found.erm_excess_final.per_seed == pytest.approx({"1": 0.1, "2": 0.1})
    assert found.erm_excess_final.high - found.erm_excess_final.low == pytest.approx(0, abs=1e-12)
    assert found.erm_excess_selected.mean == found.erm_excess_early.mean == 0


@pytest.mark.parametrize("baseline", [None, {1: cell()}])
def test_excess_needs_erm_at_every_seed(baseline):
    found = entry({1: {}, 2: {}}, baseline=baseline)
    assert found.erm_excess_final is found.erm_excess_selected is found.erm_excess_early is None


def grid_of(final, val, seeds=(1, 2), **changes):
    """An entry whose final test and val scores depend on the weight decay: lists over the seeds."""
    cells = {
        (seed, wd): cell(wga_final=final[wd][i], val_wga_final=val[wd][i], **changes)
        for wd in final
        for i, seed in enumerate(seeds)
    }
    return entry_scores(cells, Protocol(seeds=seeds, weight_decays=tuple(final)))


FINAL = {0.2: [0.4, 0.2], 0.0: [0.6, 0.6], 0.1: [0.8, 0.9]}
VAL = {0.2: [0.7, 0.7], 0.0: [0.9, 0.9], 0.1: [0.6, 0.75]}


def test_grid_scores():
    found = grid_of(FINAL, VAL)
    assert [point.weight_decay for point in found.wd_curve] == [0.0, 0.1, 0.2]
    assert [point.wga.mean for point in found.wd_curve] == pytest.approx([0.6, 0.85, 0.3])
    assert [point.train_acc.mean for point in found.wd_curve] == [1, 1, 1]
    assert found.wd_mean.per_seed == pytest.approx({"1": 0.6, "2": 1.7 / 3})
    assert found.wd_worst.per_seed == {"1": 0.4, "2": 0.2}
    assert found.wd_worst.mean == pytest.approx(0.3)


def test_the_best_weight_decay_is_chosen_on_val_among_those_above_zero():
    found = grid_of(FINAL, VAL)  # val means .7 at .2, .675 at .1, .9 at 0
    assert found.wd_best_at == 0.2
    assert found.wd_best.mean == pytest.approx(0.3)


def test_ties_on_val_go_to_the_smaller_weight_decay():
    found = grid_of(FINAL, {0.2: [0.5, 0.7], 0.0: [0, 0], 0.1: [0.7, 0.5]})
    assert found.wd_best_at == 0.1


def test_band_counts_weight_decays_within_five_points_of_selection():
    final = {0.0: [0.1, 0.1], 0.1: [0.35, 0.35], 0.2: [0.34, 0.34], 0.3: [0.99, 0.99]}
    found = grid_of(final, final, wga_selected=0.4)  # in float64, .4 - .05 is above .35
    assert (found.wd_band, found.wd_band_of) == (2, 3)


def test_curve_says_where_a_seed_did_not_interpolate():
    cells = {(s, wd): cell() for s in (1, 2) for wd in (0.0, 0.1)}
    cells[2, 0.1] = cell(interpolation_epoch=None)
    found = entry_scores(cells, Protocol(seeds=(1, 2), weight_decays=(0.0, 0.1)))
    assert [point.interpolated for point in found.wd_curve] == [True, False]


def test_a_grid_of_one_value_has_no_grid_scores():
    assert not {name for name in entry({1: {}}).model_dump(exclude_none=True) if name.startswith("wd_")}


def test_without_weight_decay_zero_only_the_grid_is_scored():
    found = entry({1: {}, 2: {}}, grid=(0.1, 0.2))
    assert found.model_dump(exclude_none=True).keys() == {"wd_curve", "wd_best", "wd_best_at"}


def test_a_grid_shorter_than_its_window_keeps_its_curve():
    found = entry({1: {"wga_final": None, "val_wga_final": None, "train_acc_final": None}}, grid=(0.0, 0.1))
    assert found.wd_curve[0].wga is found.wd_curve[0].train_acc is None
    assert found.wd_mean is found.wd_worst is found.wd_best is found.wd_best_at is found.wd_band is None


def test_scores_survive_json():
    found = grid_of(FINAL, VAL)
    assert Scores.model_validate_json(found.model_dump_json()) == found
    assert json.loads(found.canonical())["erm_excess_final"] is None


def test_a_score_holds_no_nan():
    data = entry({1: {}, 2: {}}).model_dump()
    data["wga_final"]["mean"] = float("nan")
    with pytest.raises(ValueError, match="finite"):
        Scores.model_validate(data)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.randoms())
def test_the_order_of_seeds_does_not_change_an_entry(values, random):
    per_seed = {seed: {"wga_final": v, "val_wga_final": 1 - v} for seed, v in enumerate(values)}
    shuffled = dict(random.sample(list(per_seed.items()), len(per_seed)))
    assert entry(shuffled, grid=(0.1, 0.0)) == entry(per_seed, grid=(0.0, 0.1))


# --- predictions and weights


def test_agreement_per_group_beside_that_of_erm_with_itself():
    columns = np.array([[1, 0, 0]] * 4 + [[1, 1, 0]] * 2, dtype=bool)  # overlapping, the last group empty
    erm = {1: np.array([0, 0, 1, 1, 0, 0]), 2: np.array([0, 1, 1, 1, 1, 0])}
    ours = {1: np.array([0, 0, 0, 0, 0, 1]), 2: np.array([0, 1, 1, 1, 1, 0])}
    everyone, second, empty = erm_agreement(ours, erm, columns)
    assert everyone.agreement.per_seed == {"1": 0.5, "2": 1.0}
    assert everyone.reference == pytest.approx(4 / 6)
    assert second.agreement.per_seed == {"1": 0.5, "2": 1.0}
    assert second.reference == 0.5
    assert empty.agreement is empty.reference is None


def test_reference_is_the_mean_over_pairs_of_seeds():
    erm = {1: np.array([0, 0]), 2: np.array([0, 1]), 3: np.array([1, 1])}
    (found,) = erm_agreement(erm, erm, np.ones((2, 1), dtype=bool))
    assert found.agreement.mean == 1
    assert found.reference == pytest.approx((0.5 + 0.0 + 0.5) / 3)


def test_one_seed_of_erm_gives_no_reference():
    (found,) = erm_agreement({1: np.array([0])}, {1: np.array([0])}, np.ones((1, 1), dtype=bool))
    assert found.reference is None


def test_diverged_models_agree_with_nothing():
    none = {1: np.array([-1, -1], dtype=np.int16)}
    (found,) = erm_agreement(none, none, np.ones((2, 1), dtype=bool))
    assert found.agreement.mean == 0


def test_agreement_names_the_seed_that_erm_lacks():
    with pytest.raises(ValueError, match=r"\[2\]"):
        erm_agreement({2: np.array([0])}, {1: np.array([0])}, np.ones((1, 1), dtype=bool))
