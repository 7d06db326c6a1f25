"""What all figures share: sizes, colours that colour-blind readers tell apart, dashes that survive black-and-white."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from textwrap import wrap
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

P = ParamSpec("P")
R = TypeVar("R")

# Okabe & Ito's palette, the yellow left out: it cannot be seen on white.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 3)))
PARTIAL = " (partial)"  # the end of a label
SHORT = 20  # horizons below this have a linear axis
MARKERS = "osD^vPX"
GREY, SHADE = "#666666", "#ececec"
TEXT, SMALL, FINE = 10, 9, 8  # points; figures are at most WIDTH inches wide, so that they stay readable on a phone
WIDTH, NARROW = 5.8, 4.8
BASE = {
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # names are text, whatever dollar signs they hold
    "svg.hashsalt": "wgbench",
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Look:
    """How one line is drawn: told apart by colour, and by dashes or markers where there is none."""

    colour: Any
    dash: Any = "-"
    marker: str = "o"


def look(index: int) -> Look:
    """The look of the nth of several lines: 35 of them differ."""
    return Look(
        COLOURS[index % len(COLOURS)],
        DASHES[(index + index // len(COLOURS)) % len(DASHES)],
        MARKERS[index % len(MARKERS)],
    )


def ordered(n: int) -> list[Look]:
    """Looks of n lines that follow each other, dark to light, for an ordered quantity such as weight decay."""
    colours = matplotlib.colormaps["viridis"]
    return [
        Look(colours(0.82 * i / max(n - 1, 1)), DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)]) for i in range(n)
    ]


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw with the shared style, whatever the reader's own settings are, which stay as they were."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with style.context(["default", BASE]):
            return draw(*args, **kwargs)

    return wrapped


def canvas(width: float, height: float) -> Figure:
    """An empty figure, in inches, that arranges its parts itself; it belongs to no pyplot window."""
    return Figure(figsize=(width, height), layout="constrained", dpi=100)


def multiples(n: int, columns: int = 3, share: bool = True, panel: float = 1.55) -> tuple[Figure, list[Axes]]:
    """A figure with n small panels in rows; all share their axes unless told otherwise."""
    if not n:
        return canvas(NARROW, 1.5), []
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    figure = canvas(max(WIDTH * columns / 3, NARROW), 1.5 + panel * rows)
    grid = figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False)
    panels = list(grid.flat)
    for spare in panels[n:]:
        spare.remove()
    for above in panels[max(0, n - columns) : n]:  # the lowest of each column shows the numbers of the axis
        above.xaxis.set_tick_params(labelbottom=True)
    return figure, panels[:n]


def dress(axes: Axes, title: str = "", x: str = "", y: str = "", size: float = TEXT) -> None:
    """Title on the left, axis labels, a light grid behind the lines, ticks of a readable size."""
    if title:
        axes.set_title(title, loc="left", fontsize=size)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, color=GREY)


def epoch_axis(axes: Axes, horizon: int) -> None:
    """Epochs from 1 to the horizon, logarithmic where it is long: what is lost is gained in the first tenth."""
    if horizon < SHORT:
        axes.set_xlim(0.5, horizon + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        return
    axes.set_xscale("log")
    axes.set_xlim(0.93, horizon * 1.07)
    tens = [10**k for k in range(5) if 10**k < horizon / 4]
    axes.set_xticks([*tens, horizon], [f"{tick}" for tick in (*tens, horizon)])


def legend(figure: Figure, title: str, handles: Sequence[Any], columns: int) -> None:
    """The legend above all panels, with the figure's title."""
    shown = {_named(handle): handle for handle in handles}
    longest = max(map(len, shown), default=0)
    room = int(figure.get_figwidth() * 13 / (longest + 8))  # 13 characters an inch, a line's picture takes 8
    figure.legend(
        list(shown.values()),
        list(shown),
        title=title,
        loc="outside upper left",
        ncols=max(1, min(columns, room)),
        alignment="left",
        title_fontproperties={"size": TEXT + 1, "weight": "bold"},
        columnspacing=1.2,
    )


def short(text: str, most: int) -> str:
    """Text cut to so many characters: names may be of any length. That an entry is partial stays."""
    if len(text) <= most:
        return text
    end = PARTIAL if text.endswith(PARTIAL) and most > 2 * len(PARTIAL) else ""
    return f"{text[: most - 1 - len(end)]}…{end}"


def folded(label: str) -> str:
    """A label above a small panel, on two lines if it is long."""
    return "\n".join(wrap(short(label, 44), 22))


def _named(handle: Any) -> str:
    """A line's label as a legend takes it: one that begins with _ would be hidden."""
    label = short(str(handle.get_label()), 40)
    return f" {label}" if label.startswith("_") else label


def note(figure: Figure, *lines: str) -> None:
    """What a reader has to know, below the panels in small print."""
    width = int(figure.get_figwidth() * 17)  # characters of small print
    text = "\n".join(wrapped for line in lines for wrapped in wrap(line, width))
    if text:
        figure.supxlabel(text, x=0.01, ha="left", fontsize=FINE, color="#444444")
