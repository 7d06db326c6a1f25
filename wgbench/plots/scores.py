"""Where training ends: early, selected and final worst-group accuracy, and final accuracy of every group."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wgbench.evaluation.intervals import Interval
from wgbench.evaluation.scores import Score
from wgbench.plots import lines, style
from wgbench.plots.series import named, plain
from wgbench.results.groups import group_accuracies
from wgbench.results.reference import erm_final
from wgbench.results.stored import Stored

MOMENTS = (  # of a run: the score, its name, and how it is drawn
    ("wga_early", "early", style.Look(style.COLOURS[6], marker="^")),
    ("wga_selected", "selected", style.Look(style.COLOURS[1], marker="D")),
    ("wga_final", "final", style.Look(style.COLOURS[0], marker="o")),
)


@style.styled
def early_selected_final(entries: Sequence[Stored]) -> Figure:
    """Worst-group test accuracy of every entry early, at the selected epoch and at the end, without weight decay."""
    kept = plain(entries)
    figure, axes = _rows([label for label, _ in named(entries, kept)])
    handles = []
    for row, stored in enumerate(kept):
        found = [getattr(stored.entry.scores, name) for name, _, _ in MOMENTS]
        known = [100 * s.mean for s in found if s is not None]
        axes.plot([min(known), max(known)] if known else [], [row, row] if known else [], color="#bbbbbb", zorder=1)
        for score, (_, label, look) in zip(found, MOMENTS, strict=True):
            if score is not None:
                handles.append(_dot(axes, _interval(score), row, look, label))
    handles += _references(axes, kept)
    axes.set_xlabel("worst-group accuracy on test, %")
    style.legend(figure, lines.titled(kept, "Worst-group accuracy early, selected, final"), handles, 4)
    losses = {stored.entry.loss.name for stored in kept}
    own = "Each row's ERM has its loss. " if len(losses) > 1 else ""
    style.note(figure, f"{own}Bars: 95 % intervals over seeds.", _missing(named(entries, kept)))
    return figure


@style.styled
def final_by_group(entries: Sequence[Stored]) -> Figure:
    """Final test accuracy of every group and entry: means of the last epochs, without weight decay."""
    kept = [stored for stored in plain(entries) if group_accuracies(stored, "final")]
    figure, axes = _rows([label for label, _ in named(entries, kept)])
    handles = []
    for row, stored in enumerate(kept):
        found = group_accuracies(stored, "final")
        middle = (len(found) - 1) / 2
        for index, (name, interval) in enumerate(found.items()):
            place = row + 0.56 * (index - middle) / max(len(found) - 1, 1)  # side by side, so that bars do not hide
            handles.append(_dot(axes, interval, place, style.look(index), name))
    axes.set_xlabel("test accuracy, mean of the last epochs, %")
    style.legend(figure, lines.titled(kept, "Final accuracy by group"), handles, 2)
    style.note(figure, "Bars: 95 % intervals over seeds.")
    return figure


def _rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    """One row per entry, the first on top, with its name."""
    figure = style.canvas(style.WIDTH, 1.9 + 0.3 * len(names))
    axes = figure.subplots()
    style.dress(axes)
    axes.set_yticks(range(len(names)), [style.short(name, 36) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(-2, 102)
    axes.grid(visible=False, axis="y")
    for row in range(0, len(names), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f5f5f5", linewidth=0, zorder=-1)
    return figure, axes


def _dot(axes: Axes, interval: Interval, row: float, look: style.Look, label: str) -> Line2D:
    """A mean with its interval."""
    x = 100 * interval.mean
    if interval.low is not None and interval.high is not None:
        edges = [100 * max(interval.low, 0), 100 * min(interval.high, 1)]  # no accuracy lies outside
        axes.plot(edges, [row, row], color=look.colour, linewidth=1.2, zorder=2)
    mark = {"color": look.colour, "marker": look.marker, "markersize": 5.5, "linestyle": "", "label": label}
    (line,) = axes.plot([x], [row], markeredgecolor="white", markeredgewidth=0.5, zorder=3, **mark)
    return line


def _references(axes: Axes, entries: Sequence[Stored]) -> list[Line2D]:
    """Where ERM ends with the same loss and recipe, across the row of each entry that was compared with one."""
    kept = [s.entry for s in entries]
    baselines = {e.baseline for e in kept}
    drawn: dict[str, Any] = {"color": style.GREY, "linestyle": style.DASHES[2], "zorder": 0, "label": "ERM, final"}
    found = []
    for row, entry in enumerate(kept):
        final, above = entry.scores.wga_final, entry.scores.erm_excess_final
        if final is None:
            continue
        end = erm_final(final.mean, above.mean if above else None, is_baseline=entry.id in baselines)
        if end is not None:
            found += axes.plot([100 * end, 100 * end], [row - 0.5, row + 0.5], **drawn)
    return found


def _interval(score: Score) -> Interval:
    return Interval(score.mean, score.low, score.high, score.n)


def _missing(entries: Sequence[tuple[str, Stored]]) -> str:
    """Which scores some entries cannot give."""
    found = []
    for name, moment, _ in MOMENTS:
        without = [label for label, s in entries if getattr(s.entry.scores, name) is None]
        found += [f"no {moment} score: {', '.join(without)}"] if without else []
    return style.short("; ".join(found).capitalize(), 300) + "." if found else ""
