"""What weight decay does: curves per weight decay (the paper's Figure 2), and where training ends along the grid."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from wgbench.evaluation.entry_scores import BAND, in_band
from wgbench.evaluation.scores import DecayPoint, Score
from wgbench.plots import lines, style
from wgbench.plots.series import average, divergences, horizon, named, over_seeds, worst_group
from wgbench.results.labels import labels
from wgbench.results.stored import Stored

TRAIN = style.Look(style.COLOURS[2], style.DASHES[1], "s")
WORST = style.Look(style.COLOURS[0], style.DASHES[0], "o")
WITHIN = f"up to {100 * BAND:g} points below"
SELECTED = style.Look(style.COLOURS[1], style.DASHES[2])


@style.styled
def weight_decay_curves(stored: Stored) -> Figure:
    """The paper's Figure 2 for one entry: average train and worst-group test accuracy, a line per weight decay."""
    figure = style.canvas(style.WIDTH, 3.7)
    decays = sorted(stored.entry.protocol.weight_decays)
    handles = []
    panels = (("Average, train", average("train")), ("Worst group, test", worst_group("test")))
    for axes, (title, measure) in zip(figure.subplots(1, 2), panels, strict=True):
        style.dress(axes, title, "epoch", "accuracy, %" if "train" in title else "")
        for weight_decay, look in zip(decays, style.ordered(len(decays)), strict=True):
            series = over_seeds(stored, measure, weight_decay)
            if series is not None:
                handles.append(lines.draw(axes, series, look, f"{weight_decay:g}", width=1.1))
                lines.crosses(axes, divergences(stored, weight_decay), look)
        style.epoch_axis(axes, horizon([stored]))
    style.legend(figure, lines.titled([stored], f"{labels([stored])[0]}: accuracy by weight decay"), handles, 5)
    lines.explain(figure, [stored])
    return figure


@style.styled
def weight_decay_robustness(entries: Sequence[Stored]) -> Figure:
    """Final accuracy along the grid, a panel per entry, with the band of `wd_band`: selected - 5 points, and above."""
    kept = [stored for stored in entries if stored.entry.scores.wd_curve]
    # Where there are few panels the legend takes several lines, of a figure of one row.
    figure, panels = style.multiples(len(kept), share=False, panel=2.5 if len(kept) < 3 else 1.55)
    handles: list[Line2D | Patch] = []
    for axes, (label, stored) in zip(panels, named(entries, kept), strict=True):
        style.dress(axes, style.folded(label), size=style.SMALL)
        handles += _along(axes, stored)
        axes.set_ylim(-8, 108)
    style.legend(figure, lines.titled(kept, "Final accuracy, %, by weight decay"), handles, 2)
    said = (
        f"Filled, and counted in each panel: weight decays > 0 that end at most {100 * BAND:g} points below selected."
    )
    style.note(figure, said, "Bars: 95 % intervals over seeds; lines join means.")
    return figure


def _along(axes: Axes, stored: Stored) -> list[Line2D | Patch]:
    """One panel: train accuracy, worst-group accuracy, and the band that counts."""
    scores = stored.entry.scores
    points = scores.wd_curve or ()
    spots = list(range(len(points)))
    axes.set_xticks(spots, [_brief(p.weight_decay) for p in points])
    axes.set_yticks(range(0, 101, 25))
    axes.set_xlim(-0.4, len(points) - 0.6)
    handles: list[Line2D | Patch] = [_scored(axes, [p.train_acc for p in points], TRAIN, "average, train")]
    handles.append(_scored(axes, [p.wga for p in points], WORST, "worst group, test"))
    if scores.wga_selected is not None:
        line = scores.wga_selected.mean
        label = "selected, no weight decay"
        handles.append(axes.axhline(100 * line, color=SELECTED.colour, linestyle=SELECTED.dash, label=label, zorder=1))
        colour = style.COLOURS[5]
        band = axes.axhspan(
            100 * (line - BAND), 100 * line, color=colour, alpha=0.3, linewidth=0, label=WITHIN, zorder=0
        )
        handles.append(band)
        _fill(axes, points, line)
    if scores.wd_band is not None:
        axes.set_xlabel(f"in the band: {scores.wd_band} of {scores.wd_band_of}", fontsize=style.FINE)
    return handles


def _brief(weight_decay: float) -> str:
    """As narrow as it gets: .003 instead of 0.003."""
    return f"{weight_decay:g}".removeprefix("0") or "0"


def _scored(axes: Axes, scores: Sequence[Score | None], look: style.Look, label: str) -> Line2D:
    """Means with their intervals, joined; scores that are not known leave a gap."""
    nan = float("nan")
    means = [nan if s is None else 100 * s.mean for s in scores]
    for spot, s in enumerate(scores):
        if s is not None and s.low is not None and s.high is not None:
            edges = [100 * max(s.low, 0), 100 * min(s.high, 1)]  # no accuracy lies outside
            axes.plot([spot, spot], edges, color=look.colour, linewidth=1, marker="_", markersize=4, zorder=3)
    (line,) = axes.plot(
        means,
        color=look.colour,
        linestyle=look.dash,
        marker=look.marker,
        markersize=4.5,
        markerfacecolor="white",
        label=label,
        zorder=4,
    )
    return line


def _fill(axes: Axes, points: Sequence[DecayPoint], selected: float) -> None:
    """Fill the marker of every weight decay that counts for `wd_band`."""
    for spot, point in enumerate(points):
        if point.weight_decay > 0 and point.wga is not None and in_band(point.wga.mean, selected):
            mark = {"marker": WORST.marker, "markersize": 4.5, "color": WORST.colour, "linestyle": ""}
            axes.plot([spot], [100 * point.wga.mean], zorder=5, **mark)
