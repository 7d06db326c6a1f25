"""Scores from a CSV of predictions: the formulas' numbers, an entry's numbers, and errors that name lines."""

from pathlib import Path

import numpy as np
import pytest
from committed import committed

from wgbench import datasets
from wgbench.errors import BadEntry, BadPredictions
from wgbench.results import stored
from wgbench.results.predictions import NOTHING, Truth, ids, read_csv, score, write_csv
from wgbench.types import Preprocess, Root

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"

# Six examples; groups a and b, c without any; training has 30 of a and 10 of b.
TRUTH = Truth(
    label=np.array([0, 0, 1, 1, 1, 1]),
    columns=np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]], dtype=bool),
    classes=("no", "yes"),
    group_names=("a", "b", "c"),
    train_total=np.array([30, 10, 5]),
)
RIGHT = ("no", "no", "yes", "yes", "yes", "yes")


@pytest.fixture
def file(tmp_path):
    """A CSV file with these lines."""

    def write(*lines):
        path = tmp_path / "predictions.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def scored(path, truth=TRUTH):
    found, epochs = read_csv(path, truth)
    return score(found, truth, epochs=epochs)


def table(*columns, **evaluations):
    """Lines of a CSV: `s1e2=...` holds the classes of seed 1 at epoch 2."""
    lines = [",".join(("seed", "epoch", "index", "prediction"))]
    for key, classes in evaluations.items():
        seed, epoch = key[1:].split("e")
        lines += [f"{seed},{epoch},{i},{c}" for i, c in enumerate(classes)]
    return lines


def test_one_evaluation_gives_accuracies_per_group_and_their_averages(file):
    # a: 3 of 4 are right; b: 1 of 2.
    found = scored(file("index,prediction", "5,no", "0,no", "1,no", "2,yes", "3,0", "4,1"))
    assert (found.seeds, found.epochs) == ((0,), None)
    assert (found.groups["a"].mean, found.groups["b"].mean, found.groups["c"]) == (0.75, 0.5, None)
    means = {name: value.mean for name, value in found.scores.items()}
    assert means == {
        "wga": 0.5,
        "acc": pytest.approx(4 / 6),
        "acc_train_weighted": pytest.approx((30 * 0.75 + 10 * 0.5) / 40),
        "acc_group_mean": pytest.approx(0.625),
    }
    low, high = found.scores["acc"].bootstrap
    assert 0.1 < low < 4 / 6 < high <= 1
    assert found.scores["wga"].low is None  # a single seed


def test_several_seeds_have_a_student_t_interval(file):
    lines = ["seed,index,prediction"] + [f"1,{i},{c}" for i, c in enumerate(RIGHT)]
    found = scored(file(*lines, *(f"2,{i},yes" for i in range(6))))
    assert found.scores["wga"].per_seed == {"1": 1.0, "2": 0.5}
    half = 12.706204736 * np.std([1, 0.5], ddof=1) / np.sqrt(2)
    assert found.scores["wga"].high == pytest.approx(0.75 + half)


def test_epochs_give_the_windows_of_the_protocol(file):
    # Worst group 1/2 in the odd epochs and 1 in the even ones, up to epoch 23; then right throughout.
    wrong = ("yes", "yes", *RIGHT[2:])
    found = scored(file(*table(**{f"s7e{e}": wrong if e % 2 and e < 24 else RIGHT for e in range(1, 31)})))
    assert found.epochs == 30
    assert found.scores["wga_early"].mean == pytest.approx(0.75)  # epochs 11 to 20
    assert found.scores["wga_final"].mean == pytest.approx(0.9)  # epochs 21 to 30: two of ten are 1/2
    assert found.scores["drop_from_early"].mean == pytest.approx(-0.15)
    assert found.scores["acc_final"].mean == pytest.approx((2 * 4 / 6 + 8) / 10)
    assert found.scores["acc_train_weighted_final"].mean == pytest.approx((2 * (30 * 0.5 + 10) / 40 + 8) / 10)
    assert found.scores["wga"].mean == 1.0  # at epoch 30


def test_a_window_with_an_epoch_missing_has_no_score(file):
    found = scored(file(*table(**{f"s7e{e}": RIGHT for e in (*range(1, 15), *range(16, 25))})))
    assert found.scores["wga_early"] is None
    assert found.scores["wga_final"] is None
    assert found.scores["wga"].mean == 1.0


@pytest.mark.parametrize("name", ["gdro", "lff", "dfr"])
@pytest.mark.parametrize("moment", ["final", "early", "selected"])
def test_an_entrys_predictions_score_as_its_curves(name, moment, tmp_path, cache):
    entry = stored.load(committed(name))
    dataset, root = datasets.make("colored-digits"), Root(cache)
    dataset.prepare(root)
    test, train = (dataset.load(root, which, Preprocess()) for which in ("test", "train"))
    total = train.columns.sum(0).numpy()
    truth = Truth(test.label.numpy(), test.columns.numpy(), dataset.classes, dataset.group_names, total)
    write_csv(tmp_path / "out.csv", entry.at(moment), truth.classes)
    found = scored(tmp_path / "out.csv", truth)
    for cell in (c for c in entry.entry.cells if c.weight_decay == 0):
        epoch = {"final": entry.entry.recipe.epochs, "early": 20, "selected": cell.selected_epoch}[moment]
        curve, key = entry.curves[cell.seed, 0.0].test, str(cell.seed)
        assert found.scores["wga"].per_seed[key] == curve.worst_group_acc[epoch - 1]
        assert found.scores["acc"].per_seed[key] == curve.acc[epoch - 1]
        groups = [found.groups[g].per_seed[key] for g in entry.entry.dataset.group_names]
        assert groups == curve.group_acc[epoch - 1].tolist()
    assert found.scores["wga"].bootstrap == getattr(entry.entry.scores, f"wga_{moment}").bootstrap


def test_what_a_diverged_model_does_not_say_is_wrong(tmp_path):
    write_csv(tmp_path / "out.csv", {1: np.full(6, NOTHING, np.int16)}, TRUTH.classes)
    found = scored(tmp_path / "out.csv")
    assert found.scores["acc"].mean == found.scores["wga"].mean == 0


def test_no_file_is_written_over(file):
    path = file("mine")
    with pytest.raises(BadPredictions, match=r"a file is there already; give a new name"):
        write_csv(path, {1: np.zeros(6, np.int16)}, TRUTH.classes)
    assert path.read_text() == "mine\n"


GOOD = [f"{i},{c}" for i, c in enumerate(RIGHT)]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["idx,prediction", *GOOD], r"line 1: no column 'index' \(there are: idx, prediction\); add 'index'"),
        ([""], r"line 1: no column 'index'"),
        (["index,prediction"], r"no predictions"),
        (["index,prediction", "0,no", "6,no"], r"line 3: index 6 of a split of 6 examples; .* check --dataset"),
        (["index,prediction", "-1,no"], r"line 2: index '-1' is no whole number from 0"),
        (["index,prediction", "1.0,no"], r"line 2: index '1\.0' is no whole number"),
        (["index,prediction", *GOOD, "3,yes"], r"line 8: index 3 a second time"),
        (["index,prediction", "0,maybe"], r"line 2: unknown class 'maybe'; write one of 0, 1, no, yes, or none where"),
        (["index,prediction", "0"], r"line 2: 1 values for 2 columns"),
        (["index,prediction", *GOOD[:2], *GOOD[4:]], r"seed 0: 2 of 6 examples are missing, the first is index 2"),
        (["index,prediction,epoch", "0,no,0"], r"line 2: epoch '0' is no whole number from 1"),
        (table(s1e1=RIGHT, s1e2=RIGHT, s2e1=RIGHT), r"end at different epochs \(seed 1 at 2, seed 2 at 1\)"),
        (table(s1e1=RIGHT, s1e2=RIGHT[:5]), r"seed 1, epoch 2: 1 of 6 examples are missing, the first is index 5"),
    ],
)
def test_mistakes_are_named_with_their_line(file, lines, said):
    with pytest.raises(BadPredictions, match=said) as problem:
        scored(file(*lines))
    assert "\n" not in str(problem.value)


def test_a_missing_or_binary_file_is_said(tmp_path):
    with pytest.raises(BadPredictions, match="no such file"):
        scored(tmp_path / "nowhere.csv")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00index")
    with pytest.raises(BadPredictions, match=r"give a CSV file in UTF-8"):
        scored(tmp_path / "binary")


def test_ids_stand_for_classes_unless_names_are_other_numbers():
    assert ids(("no", "yes")) == {"none": -1, "0": 0, "1": 1, "no": 0, "yes": 1}
    assert ids(("0", "1")) == {"none": -1, "0": 0, "1": 1}
    assert ids(("-1", "1")) == {"none": -1, "-1": 0, "1": 1}  # not 0 and 1: "1" would be both


def test_a_moment_that_an_entry_does_not_hold_is_named():
    entry = stored.load(committed("gdro"))
    with pytest.raises(BadEntry, match=r"no middle predictions of seed 2002"):
        entry.at("middle")
