"""Lines with bands: how every figure over epochs draws its seeds."""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from wgbench.plots import style
from wgbench.plots.series import Floats, Series, divergences, plain, seeds_at
from wgbench.results.stored import Stored

FEW = 24  # so many epochs or fewer are drawn as dots too, since a line hides how few they are
GAP = 1  # epochs further apart than this are not joined: nothing was scored between them


def draw(axes: Axes, series: Series, look: style.Look, label: str, width: float = 1.6) -> Line2D:
    """The mean over seeds as a line, the range of the seeds as a band; the line, for a legend."""
    epochs, mean = _broken(series.epochs, series.mean)
    marker = look.marker if len(series.epochs) <= FEW else ""
    (line,) = axes.plot(epochs, mean, color=look.colour, linestyle=look.dash, linewidth=width, label=label, zorder=3)
    line.set(marker=marker, markersize=3)
    if series.seeds > 1:
        low, high = (_broken(series.epochs, edge)[1] for edge in series.range)
        axes.fill_between(epochs, low, high, color=look.colour, alpha=0.16, linewidth=0, zorder=2)
    return line


def crosses(axes: Axes, epochs: Iterable[int], look: style.Look) -> None:
    """A cross on the axis where a run diverged: what follows counts as 0."""
    for epoch in epochs:
        axes.plot([epoch], [0], marker="x", markersize=7, color=look.colour, clip_on=False, linestyle="", zorder=4)


def windows(axes: Axes, entries: Sequence[Stored]) -> None:
    """The early window and the last epochs as grey bands, where all entries have the same ones."""
    spans = {_spans(stored) for stored in entries}
    for first, last in spans.pop() if len(spans) == 1 else ():
        axes.axvspan(first - 0.5, last + 0.5, color=style.SHADE, linewidth=0, zorder=0)


def explain(figure: Figure, entries: Sequence[Stored], *more: str) -> None:
    """Below the panels: what lines and bands are, and where runs diverged."""
    style.note(figure, f"{seeds_said(entries)}.", *more, _diverged_said(entries))


def titled(entries: Sequence[Stored], what: str) -> str:
    """A figure's title: what is shown, on which data and network."""
    grounds = dict.fromkeys(f"{s.entry.dataset.name}, {s.entry.backbone.name}" for s in entries)
    return f"{what}\n{style.short('; '.join(grounds), 56)}" if grounds else what


def seeds_said(entries: Sequence[Stored]) -> str:
    """What a line and its band stand for, in words."""
    numbers = sorted({len(seeds_at(s, wd)) for s in entries for wd in s.entry.protocol.weight_decays})
    if not numbers:
        return "No runs without weight decay"
    if numbers == [1]:
        return "One seed: no bands"
    often = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"Lines: means of {often} seeds; bands: from the lowest seed to the highest"


def windows_said(entries: Sequence[Stored]) -> str:
    """What the grey bands stand for, in words; nothing where there are none."""
    spans = {_spans(stored) for stored in plain(entries)}
    (kept,) = spans if len(spans) == 1 else ((),)
    said = " and ".join(f"{first}-{last}" for first, last in kept)
    return f"Grey: epochs {said}, the windows of the early and the final scores." if len(kept) == 2 else ""


def _spans(stored: Stored) -> tuple[tuple[int, int], ...]:
    """First and last epoch of both windows; none where one does not fit or they overlap."""
    protocol, horizon = stored.entry.protocol, max(c.epochs for c in stored.curves.values())
    start = horizon - protocol.last + 1
    return (protocol.early, (start, horizon)) if protocol.early[1] < start else ()


def _diverged_said(entries: Sequence[Stored]) -> str:
    grid = {wd for s in entries for wd in s.entry.protocol.weight_decays}
    any_of_them = any(divergences(s, wd) for s in entries for wd in grid)
    return "A cross marks where a run diverged: it counts as 0 from there on." if any_of_them else ""


def _broken(epochs: NDArray[np.int64], values: Floats) -> tuple[Floats, Floats]:
    """Epochs and values with a NaN put wherever epochs are missing, so that no line bridges them."""
    gaps = np.flatnonzero(np.diff(epochs) > GAP) + 1
    return np.insert(epochs.astype(np.float64), gaps, np.nan), np.insert(values, gaps, np.nan)
