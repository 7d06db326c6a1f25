"""Weights of groups over epochs: the paper's Figure 3."""

from matplotlib.figure import Figure

from wgbench.plots import lines, style
from wgbench.plots.series import horizon, weights_over_seeds
from wgbench.results.labels import labels
from wgbench.results.stored import Stored


@style.styled
def group_weights(stored: Stored) -> Figure:
    """The weight of every training group at each epoch's end, without weight decay.

    For Group DRO it is q, as in the paper; for the others the share of all weights that the group's examples got.
    """
    entry, figure = stored.entry, style.canvas(style.NARROW, 4.1)
    found, is_q = weights_over_seeds(stored)
    axes = figure.subplots()
    style.dress(axes, "", "epoch", "group weight q, %" if is_q else "share of the weights, %")
    names = zip(entry.dataset.group_names, entry.dataset.counts["train"]["total"], strict=True)
    known = [f"{name} ({n:,})" for name, n in names]
    handles = [lines.draw(axes, series, style.look(g), known[g]) for g, series in enumerate(found)]
    style.epoch_axis(axes, horizon([stored]))
    if axes.get_ylim()[0] < axes.get_ylim()[1] / 2:
        axes.set_ylim(bottom=0)
    title = f"{labels([stored])[0]}: weights of groups"
    style.legend(figure, lines.titled([stored], title), handles, 2)
    lines.explain(figure, [stored], "In brackets: examples on train.")
    return figure
