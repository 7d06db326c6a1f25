"""Accuracy over epochs: the paper's Figure 1, the same for many algorithms, and one algorithm by itself."""

from collections.abc import Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wgbench.plots import lines, style
from wgbench.plots.series import Measure, average, divergences, group, horizon, named, over_seeds, plain, worst_group
from wgbench.results.labels import labels
from wgbench.results.stored import Stored

PANELS: tuple[tuple[str, Measure], ...] = tuple(
    (f"{name}, {split}", of(split))
    for (name, of), split in product((("Average", average), ("Worst group", worst_group)), ("train", "test"))
)
OF_ONE = (  # dark where the benchmark looks: worst group on test
    ("average, train", average("train"), style.Look(style.COLOURS[6], style.DASHES[2], "^")),
    ("average, test", average("test"), style.Look(style.COLOURS[2], style.DASHES[1], "s")),
    ("worst group, train", worst_group("train"), style.Look(style.COLOURS[5], style.DASHES[3], "D")),
    ("worst group, test", worst_group("test"), style.Look(style.COLOURS[0], style.DASHES[0], "o")),
)


@style.styled
def accuracy_curves(entries: Sequence[Stored]) -> Figure:
    """The paper's Figure 1: average and worst-group accuracy on train and test, a line per entry, weight decay 0."""
    figure = style.canvas(style.WIDTH, 4.9 + 0.12 * len(entries))
    kept, handles = plain(entries), []
    grid = figure.subplots(2, 2, sharex=True, sharey="row").flat
    for axes, (title, measure) in zip(grid, PANELS, strict=True):
        style.dress(axes, title, "epoch" if "Worst" in title else "", "accuracy, %" if "train" in title else "")
        lines.windows(axes, kept)
        for index, (label, stored) in enumerate(named(entries, kept)):
            look, series = style.look(index), over_seeds(stored, measure)
            assert series is not None
            handles.append(lines.draw(axes, series, look, label))
            lines.crosses(axes, divergences(stored), look)
        style.epoch_axis(axes, horizon(kept))
    style.legend(figure, lines.titled(entries, "Accuracy without weight decay"), handles, 3)
    lines.explain(figure, kept, lines.windows_said(kept))
    return figure


@style.styled
def accuracy_per_algorithm(entries: Sequence[Stored]) -> Figure:
    """A panel per entry with average and worst-group accuracy on train and test, weight decay 0."""
    kept, handles = plain(entries), []
    figure, panels = style.multiples(len(kept))
    for axes, (label, stored) in zip(panels, named(entries, kept), strict=True):
        style.dress(axes, style.folded(label), size=style.SMALL)
        handles += _one(axes, stored)
        style.epoch_axis(axes, horizon(kept))
        axes.set_ylim(-3, 103)
    style.legend(figure, lines.titled(entries, "Accuracy without weight decay, %, by epoch"), handles, 2)
    lines.explain(figure, kept, lines.windows_said(kept))
    return figure


@style.styled
def accuracy_of(stored: Stored) -> Figure:
    """Average and worst-group accuracy of one entry on train and test, weight decay 0."""
    figure = style.canvas(style.NARROW, 3.9)
    axes = figure.subplots()
    style.dress(axes, "", "epoch", "accuracy, %")
    handles = _one(axes, stored)
    axes.set_ylim(-3, 103)
    style.epoch_axis(axes, horizon([stored]))
    style.legend(figure, lines.titled([stored], f"{labels([stored])[0]}: accuracy without weight decay"), handles, 2)
    lines.explain(figure, [stored], lines.windows_said([stored]))
    return figure


@style.styled
def group_accuracies(stored: Stored, split: str = "test") -> Figure:
    """Accuracy of every group of one entry on a split, weight decay 0."""
    figure, entry = style.canvas(style.NARROW, 4.1), stored.entry
    axes = figure.subplots()
    style.dress(axes, "", "epoch", f"{split} accuracy, %")
    lines.windows(axes, [stored])
    handles = []
    sizes = zip(entry.dataset.group_names, entry.dataset.counts[split]["total"], strict=True)
    for index, (name, n) in enumerate(sizes):
        series = over_seeds(stored, group(split, index))
        if series is not None and n > 0:
            handles.append(lines.draw(axes, series, style.look(index), f"{name} ({n:,})"))
    style.epoch_axis(axes, horizon([stored]))
    title = f"{labels([stored])[0]}: accuracy of groups on {split}"
    axes.set_ylim(-3, 103)
    style.legend(figure, lines.titled([stored], title), handles, 2)
    lines.explain(figure, [stored], f"In brackets: examples on {split}.")
    return figure


def _one(axes: Axes, stored: Stored) -> list[Line2D]:
    """The four lines of one entry; none where it has no run without weight decay."""
    lines.windows(axes, plain([stored]))
    handles = []
    for label, measure, look in OF_ONE:
        series = over_seeds(stored, measure)
        if series is not None:
            handles.append(lines.draw(axes, series, look, label))
            lines.crosses(axes, divergences(stored), look)
    return handles
