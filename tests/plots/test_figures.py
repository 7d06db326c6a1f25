"""Figures show the numbers that the curves hold: lines, bands, labels, and what is missing."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from committed import committed

from wgbench import protocol
from wgbench.plots import accuracy, files, scores, style, weight_decay, weights
from wgbench.request import Request
from wgbench.results import stored

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"


@pytest.fixture(scope="module")
def entry():
    """A committed entry by its algorithm's name."""
    return lambda name: stored.load(committed(name))


@pytest.fixture
def narrow(tmp_path):
    """An entry that was narrowed: one seed, few epochs."""

    def made(epochs=1, seeds=(1,), weight_decays=(0.0,), algorithm="gdro"):
        wanted = Request(algorithm, "toy", seeds=seeds, weight_decays=weight_decays, epochs=epochs, jobs=1)
        return stored.load(protocol.run(replace(wanted, store=tmp_path)).folder)

    return made


def edited(found, **changes):
    """An entry that states something else."""
    return stored.Stored(found.entry.model_copy(update=changes), found.folder)


def line(axes, label):
    (found,) = [x for x in axes.get_lines() if x.get_label() == label]
    return np.asarray(found.get_xdata(), float), np.asarray(found.get_ydata(), float)


def band(axes, index=0):
    """Lower and upper edge of a band by epoch."""
    path = [c for c in axes.collections if isinstance(c, matplotlib.collections.FillBetweenPolyCollection)][index]
    points = np.concatenate([p.vertices for p in path.get_paths()])
    return {
        x: (points[points[:, 0] == x, 1].min(), points[points[:, 0] == x, 1].max()) for x in np.unique(points[:, 0])
    }


def worst(found, seed, split, wd=0.0):
    """Worst-group accuracy of a run in percent, from its counts alone."""
    rows = [(epoch, c) for (_, epoch, s), c in sorted(found.counts(seed, wd).items()) if s == split]
    return 100 * np.array([min(np.array(c) / found.entry.dataset.counts[split]["total"]) for _, c in rows])


def test_accuracy_curves_are_the_papers_four_panels(entry):
    kept = [entry(name) for name in ("erm", "iw", "gdro")]
    figure = accuracy.accuracy_curves(kept)
    titles = ["Average, train", "Average, test", "Worst group, train", "Worst group, test"]
    assert [a.get_title(loc="left") for a in figure.axes] == titles
    for axes, split in ((figure.axes[2], "train"), (figure.axes[3], "test")):
        x, y = line(axes, "gdro")
        seeds = np.stack([worst(kept[2], s, split) for s in kept[2].entry.protocol.seeds])
        np.testing.assert_allclose(y, seeds.mean(axis=0))
        assert list(x) == list(range(1, 301))
    test = band(figure.axes[3], 2)
    assert test[150.0] == pytest.approx((seeds[:, 149].min(), seeds[:, 149].max()))
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["erm", "iw", "gdro"]


def test_average_is_over_examples(entry):
    found = entry("erm")
    _, y = line(accuracy.accuracy_of(found).axes[0], "average, test")
    counts = np.array([sum(found.counts(s, 0.0)[1, 300, "test"]) for s in found.entry.protocol.seeds])
    assert y[-1] == pytest.approx(100 * counts.mean() / 597)


def test_what_was_not_scored_is_a_gap_and_not_a_zero(entry):
    x, y = line(accuracy.accuracy_of(entry("dfr")).axes[0], "worst group, test")
    assert list(x[~np.isnan(x)]) == [*range(11, 21), *range(291, 301)]
    assert np.nanmin(y) > 60
    assert np.isnan(y[10])  # the line is broken between the windows


def test_one_line_per_weight_decay(entry):
    found = entry("iw")
    left, right = weight_decay.weight_decay_curves(found).axes
    assert [x.get_label() for x in left.get_lines()] == ["0", "0.003", "0.05", "0.1", "0.3"]
    seeds = np.stack([worst(found, s, "test", 0.1) for s in found.entry.protocol.seeds])
    np.testing.assert_allclose(line(right, "0.1")[1], seeds.mean(axis=0))


def test_group_weights_are_group_dros_q(entry):
    found = entry("gdro")
    (axes,) = weights.group_weights(found).axes
    names = ["even-red (467)", "even-green (25)", "odd-red (25)", "odd-green (483)"]
    ends = np.array([line(axes, name)[1] for name in names])
    np.testing.assert_allclose(ends.sum(axis=0), 100, atol=1e-3)  # q is a distribution
    assert axes.get_ylabel() == "group weight q, %"


def test_group_weights_of_the_others_are_their_share(entry):
    found = entry("cvar")
    (axes,) = weights.group_weights(found).axes
    expected = 100 * np.mean([found.mass(s, 0.0)[:, 1] for s in found.entry.protocol.seeds], axis=0)
    np.testing.assert_allclose(line(axes, "even-green (25)")[1], expected)


def test_robustness_marks_the_weight_decays_of_the_band(entry):
    kept = [entry("iw"), entry("erm")]
    for axes, found in zip(weight_decay.weight_decay_robustness(kept).axes, kept, strict=True):
        finals = line(axes, "worst group, test")[1]
        grid = sorted(found.entry.protocol.weight_decays)
        own = [np.mean([worst(found, s, "test", wd)[-10:].mean() for s in found.entry.protocol.seeds]) for wd in grid]
        np.testing.assert_allclose(finals, own)
        (selected,) = set(line(axes, "selected, no weight decay")[1])
        filled = {float(y[0]) for x in axes.get_lines() if len(y := np.asarray(x.get_ydata())) == 1}
        assert filled == {f for f in finals[1:] if f >= selected - 5}
        assert axes.get_xlabel() == f"in the band: {len(filled)} of 4"
        (strip,) = [p for p in axes.patches if p.get_label() == "up to 5 points below"]
        assert (strip.get_y(), strip.get_height()) == pytest.approx((selected - 5, 5))


def test_early_selected_and_final_of_every_entry(entry):
    kept = [entry("gdro"), entry("erm")]
    (axes,) = scores.early_selected_final(kept).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["gdro", "erm"]
    for row, found in enumerate(kept):
        dots = [x for x in axes.get_lines() if list(x.get_ydata()) == [row]]
        means = {x.get_label(): float(x.get_xdata()[0]) for x in dots}
        curves = [worst(found, s, "test") for s in found.entry.protocol.seeds]
        assert means["early"] == pytest.approx(np.mean([c[10:20].mean() for c in curves]))
        assert means["final"] == pytest.approx(np.mean([c[-10:].mean() for c in curves]))
        assert means["selected"] == pytest.approx(100 * found.entry.scores.wga_selected.mean)


def test_final_accuracy_of_groups(entry):
    found = entry("gdro")
    (axes,) = scores.final_by_group([found]).axes
    seeds = found.entry.protocol.seeds
    counts = [found.counts(s, 0.0)[1, e, "test"][2] for s in seeds for e in range(291, 301)]
    (dot,) = [x for x in axes.get_lines() if x.get_label() == "odd-red"]
    assert dot.get_xdata()[0] == pytest.approx(100 * np.mean(counts) / 145)


def test_a_panel_for_each_of_many_algorithms(entry):
    names = ["gdro", "erm", "iw", "jtt"]
    figure = accuracy.accuracy_per_algorithm([entry(n) for n in names])
    assert [a.get_title(loc="left") for a in figure.axes] == names
    assert len(figure.legends[0].get_texts()) == 4  # one legend for all of them


def every(found):
    """Every figure of one entry."""
    of_one = (accuracy.accuracy_of, accuracy.group_accuracies, weights.group_weights, weight_decay.weight_decay_curves)
    of_many = (
        accuracy.accuracy_curves,
        accuracy.accuracy_per_algorithm,
        weight_decay.weight_decay_robustness,
        scores.early_selected_final,
        scores.final_by_group,
    )
    return [*(draw(found) for draw in of_one), *(draw([found]) for draw in of_many)]


def test_a_single_epoch_of_a_single_seed_is_a_dot(narrow):
    found = narrow()
    for figure in every(found):
        assert files.rendered(figure)["svg"].startswith(b"<?xml")
    axes = accuracy.accuracy_of(found).axes[0]
    assert not axes.collections  # no band of one seed
    assert {x.get_marker() for x in axes.get_lines()} >= {"o", "s"}
    assert "One seed: no bands" in accuracy.accuracy_of(found)._supxlabel.get_text()


def test_missing_scores_are_said(narrow):
    figure = scores.early_selected_final([narrow()])
    (axes,) = figure.axes
    assert {x.get_label() for x in axes.get_lines() if not x.get_label().startswith("_")} == {"selected"}
    assert "No early score: gdro (partial); no final score: gdro (partial)" in figure._supxlabel.get_text()


def test_no_run_without_weight_decay_leaves_panels_empty(narrow):
    for figure in every(narrow(weight_decays=(0.1,))):
        assert files.rendered(figure)["png"]


def test_a_divergence_falls_to_zero_and_is_marked(narrow):
    found = narrow(epochs=4, seeds=(1, 2), algorithm="erm")
    first, second = found.entry.cells
    diverged = edited(found, cells=(first.model_copy(update={"diverged_at": 3}), second))
    figure = accuracy.accuracy_of(diverged)
    crosses = [x for x in figure.axes[0].get_lines() if x.get_marker() == "x"]
    assert {tuple(map(float, (*x.get_xdata(), *x.get_ydata()))) for x in crosses} == {(3.0, 0.0)}
    assert "counts as 0 from there on" in figure._supxlabel.get_text()


def test_long_horizons_have_ticks_that_can_be_read():
    axes = style.canvas(4, 3).subplots()
    style.epoch_axis(axes, 1500)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "10", "100", "1500"]


def test_names_are_text_whatever_they_hold(entry):
    found = entry("erm")
    names = ("$x^{$", "_hidden", "<b>", "odd-green")
    changed = edited(found, dataset=found.entry.dataset.model_copy(update={"group_names": names}))
    figure = accuracy.group_accuracies(changed)
    assert [t.get_text().strip() for t in figure.legends[0].get_texts()][:2] == ["$x^{$ (154)", "_hidden (153)"]
    assert files.rendered(figure)["png"]


def test_looks_differ():
    looks = [style.look(i) for i in range(35)]
    assert len({(x.colour, str(x.dash)) for x in looks}) == 35
    assert all(a.dash != b.dash and a.colour != b.colour for a, b in pairwise(looks[:5]))


def test_equal_figures_have_equal_bytes_and_leave_the_readers_settings_alone(entry):
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True}):
        first = files.rendered(weights.group_weights(entry("gdro")))
    assert first == files.rendered(weights.group_weights(entry("gdro")))
    assert dict(matplotlib.rcParams) == before
    assert b"<dc:date>" not in first["svg"]


def test_each_row_has_the_end_of_its_own_erm(entry):
    gdro, erm = entry("gdro"), entry("erm")
    alone = edited(
        entry("iw"), baseline=None, scores=entry("iw").entry.scores.model_copy(update={"erm_excess_final": None})
    )
    axes = scores.early_selected_final([gdro, erm, alone]).axes[0]
    ends = [x.get_xdata()[0] for x in axes.get_lines() if x.get_label() == "ERM, final"]
    assert ends == pytest.approx([100 * erm.entry.scores.wga_final.mean] * 2)
    (without,) = scores.early_selected_final([gdro]).axes
    assert "ERM, final" in [x.get_label() for x in without.get_lines()]  # known from the entry itself
