"""One figure per claim of the theory lab, from its stored numbers."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from wgbench.plots import style
from wgbench.theory.methods import MAIN, TITLES
from wgbench.theory.records import Arrays, Finding
from wgbench.theory.statistics import interval, quantile90

Floats = NDArray[np.float64]
FLOOR = 1e-17  # exact zeros on a logarithmic axis
LOOKS = {name: style.look(i) for i, name in enumerate([*TITLES, "scaled", "decay"])}
NAMED = TITLES | {"scaled": "scaled gradients", "decay": "pulled towards 0"}


@style.styled
def figure(finding: Finding, arrays: Arrays) -> Figure:
    """The claim's figure."""
    return DRAWN[finding.claim](finding.title, arrays)


def _curves(title: str, arrays: Arrays) -> Figure:
    """Test gap to ERM and train residual over steps; for Corollary 3 one row per network."""
    nets = sorted({name.split("/")[0] for name in arrays if name.count("/") == 2}, reverse=True) or [""]
    drawn, panels = style.multiples(2 * len(nets), 2, share=False, panel=2.0)
    handles: list[Line2D] = []
    for row, net in enumerate(nets):
        prefix = f"{net}/" if net else ""
        steps = arrays[f"{prefix}steps"]
        for axes, kind, label in zip(
            panels[2 * row :], ("gap", "residual"), ("test gap to ERM", "train residual"), strict=False
        ):
            for name in NAMED:
                if f"{prefix}{kind}/{name}" in arrays and not (kind == "gap" and name == "erm"):
                    handles.append(_line(axes, steps, arrays[f"{prefix}{kind}/{name}"].max(1), name))
            axes.set_ylim(1e-16, 30)
            _logarithmic(axes, "xy")
            style.dress(axes, f"{net}: {label}" if net else label, "step", "")
    handles.sort(key=lambda line: [*NAMED.values()].index(str(line.get_label())))
    style.legend(drawn, title, handles, 3)
    style.note(drawn, "Largest value over draws, and over test or training points.")
    return drawn


def _line(axes: Axes, x: Floats, y: Floats, name: str) -> Line2D:
    look = LOOKS[name]
    (line,) = axes.plot(x[1:], np.maximum(y[1:], FLOOR), color=look.colour, ls=look.dash, label=NAMED[name])
    return line


def _rates(title: str, arrays: Arrays) -> Figure:
    """.9-quantiles against width with their bootstrap intervals, one panel per network."""
    series = [name.removesuffix("/errors") for name in arrays if name.endswith("/errors")]
    groups = list(dict.fromkeys(_network(name) for name in series))
    drawn, panels = style.multiples(len(groups), 2, share=False, panel=2.0)
    handles = []
    methods = list(dict.fromkeys(_method(name) for name in series))
    for axes, group in zip(panels, groups, strict=True):
        for name in (s for s in series if _network(s) == group):
            handles.append(
                _rate(axes, arrays[f"{name}/widths"], arrays[f"{name}/errors"], methods.index(_method(name)), name)
            )
        _guide(axes, arrays[f"{name}/widths"], arrays[f"{name}/errors"])
        _width_axis(axes, arrays[f"{name}/widths"])
        style.dress(axes, group, "width", "")
    _same_height(panels)
    style.legend(drawn, title, handles, 3)
    style.note(drawn, ".9-quantile over seeds with its 95 % bootstrap interval. Thin lines: slopes -1/4 and -1/2.")
    return drawn


def _same_height(panels: list[Axes]) -> None:
    """One vertical axis for all panels."""
    low, high = (f(end) for f, end in zip((min, max), zip(*(p.get_ylim() for p in panels), strict=True), strict=True))
    for axes in panels:
        axes.set_ylim(low, high)
        _logarithmic(axes, "y")


def _network(name: str) -> str:
    """What a panel shows: the name without the method."""
    return name.partition(": ")[0] if ": " in name or not _method(name) else name.rpartition(", ")[0]


def _method(name: str) -> str:
    """The part of a series' name that tells it from others of its panel; nothing where it is alone."""
    last = name.rpartition(", ")[2]
    return last if last in MAIN.values() else name.partition(": ")[2]


def _rate(axes: Axes, widths: Floats, errors: Floats, index: int, name: str) -> object:
    look, middle = style.look(index), quantile90(errors)
    ends = np.array([interval(row, quantile90) for row in errors]).T
    label = _method(name) or "error"
    shifted = widths * 1.03**index
    spread = np.abs(ends - middle)
    return axes.errorbar(
        shifted, middle, spread, color=look.colour, ls=look.dash, marker=look.marker, ms=4, capsize=2, label=label
    )


def _guide(axes: Axes, widths: Floats, errors: Floats) -> None:
    """Slopes -1/4 and -1/2 through the first point."""
    first = quantile90(errors)[0]
    for power in (-0.25, -0.5):
        axes.plot(widths, first * (widths / widths[0]) ** power, color=style.GREY, lw=0.7, ls="-", zorder=0)


def _width_axis(axes: Axes, widths: Floats) -> None:
    _logarithmic(axes, "xy")
    axes.set_xticks(list(widths), [f"{w:g}" for w in widths])
    axes.minorticks_off()


def _logarithmic(axes: Axes, which: str) -> None:
    """Logarithmic axes with plain numbers: 1e-4, and 2 and 5 between where there is little of it."""
    for name in which:
        axes.set(**{f"{name}scale": "log"})
        axis: Axis = getattr(axes, f"{name}axis")
        low, high = axis.get_view_interval()
        between = (1.0, 2.0, 5.0) if low > 0 and high / low < 300 else (1.0,)
        axis.set_major_locator(LogLocator(subs=between, numticks=6))
        axis.set_major_formatter(FuncFormatter(_short))
        axis.set_minor_locator(NullLocator())


def _short(value: float, _: object) -> str:
    """1e-06 and 10000 as 1e-6 and 1e4."""
    if 1e-3 < value < 1e3:
        return f"{value:g}"
    digits, _, power = f"{value:e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def _penalty(title: str, arrays: Arrays) -> Figure:
    """Gap against risk with the explicit bound, all draws."""
    drawn = style.canvas(style.WIDTH, 4.4)
    axes, handles = drawn.subplots(), []
    for name in (n.removeprefix("risk/") for n in arrays if n.startswith("risk/")):
        risk, gap, look = arrays[f"risk/{name}"], arrays[f"gap/{name}"], LOOKS[name]
        handles.append(
            axes.plot(
                risk[:, 0], gap[:, 0], color=look.colour, ls=look.dash, marker=look.marker, ms=4, label=NAMED[name]
            )[0]
        )
    span = np.array([min(arrays["risk/erm"].min(), 1e-13), 1.0])
    handles.append(
        axes.plot(span, arrays["factor"][0] * np.sqrt(span), color=style.GREY, lw=1, label="bound, Eq. 95")[0]
    )
    _logarithmic(axes, "xy")
    style.dress(axes, "", "training risk eps, unweighted", "largest test gap to unregularised ERM")
    style.legend(drawn, title, handles, 3)
    style.note(drawn, "One point per mu, first draw; mu from 1e-7 (left) to 1 (right).")
    return drawn


def _penalty_wide(title: str, arrays: Arrays) -> Figure:
    """Distance to the twin, and gap over its bound, against width."""
    names = [name.removesuffix("/errors") for name in arrays if name.endswith("/errors")]
    mus = list(dict.fromkeys(name.rpartition(" = ")[2] for name in names))
    methods = list(dict.fromkeys(name.partition(", mu")[0] for name in names))
    drawn, panels = style.multiples(2 * len(mus), 2, share=False, panel=2.0)
    handles, widths = [], arrays["widths"]
    for row, mu in enumerate(mus):
        left, right = panels[2 * row : 2 * row + 2]
        for index, method in enumerate(methods):
            look, name = style.look(index), f"{method}, mu = {mu}"
            options = {"color": look.colour, "ls": look.dash, "marker": look.marker, "ms": 4, "label": method}
            handles.append(left.plot(widths, quantile90(arrays[f"{name}/errors"]), **options)[0])
            right.plot(widths, (arrays[f"{name}/gap"] / arrays[f"{name}/bound"]).max(1), **options)
        _guide(left, widths, arrays[f"{name}/errors"])
        right.axhline(1, color=style.GREY, lw=1)
        for axes, label in ((left, "|f_reg - f_lin,reg|"), (right, "gap / bound")):
            _width_axis(axes, widths)
            style.dress(axes, f"mu = {float(mu):.0e}: {label}", "width", "")
    style.legend(drawn, title, handles, 4)
    style.note(
        drawn,
        "Left: .9-quantile over seeds of the largest distance to the linearised twin; thin lines: slopes -1/4 and "
        "-1/2. Right: gap to ERM over the bound of Theorem 7, largest over seeds.",
    )
    return drawn


def _weights(title: str, arrays: Arrays) -> Figure:
    """q_i(t) of each algorithm, first draw."""
    names = [name.removeprefix("q/") for name in arrays if name.startswith("q/")]
    drawn, panels = style.multiples(len(names), 3, share=False)
    for axes, name in zip(panels, names, strict=True):
        q = arrays[f"q/{name}"]
        axes.plot(arrays["steps"][1:], q[1:] * q.shape[1], color=style.COLOURS[2], ls="", marker=".", ms=2)
        _logarithmic(axes, "x")
        axes.set_ylim(bottom=0)
        style.dress(axes, NAMED[name], "step", "")
    style.legend(drawn, f"{title}: n q of every example over steps", [], 1)
    style.note(drawn, "First draw; one dot per training example and recorded step.")
    return drawn


def _logistic(title: str, arrays: Arrays) -> Figure:
    """Margin and direction over steps."""
    drawn, panels = style.multiples(2, 2, share=False, panel=2.2)
    handles = []
    for axes, kind, label in zip(
        panels, ("margin", "cosine"), ("margin / largest margin", "1 - cosine with ERM"), strict=True
    ):
        for name in MAIN:
            values = arrays[f"{kind}/{name}"].mean(1)
            if kind == "cosine" and name == "erm":
                continue
            y = values if kind == "margin" else np.maximum(1 - values, FLOOR)
            handles.append(_line(axes, arrays["steps"], y, name))
        _logarithmic(axes, "x" if kind == "margin" else "xy")
        if kind == "margin":
            axes.set_ylim(0, 1.02)
        style.dress(axes, label, "step", "")
    style.legend(drawn, title, handles, 3)
    style.note(drawn, "Means over draws.")
    return drawn


DRAWN: dict[str, Callable[[str, Arrays], Figure]] = {
    "theorem-1-2": _curves,
    "corollary-3": _curves,
    "theorem-4": _rates,
    "theorem-5": _rates,
    "theorem-6": _rates,
    "appendix-c1": _rates,
    "theorem-7": _penalty,
    "theorem-8": _penalty_wide,
    "assumption-1": _weights,
    "logistic": _logistic,
}
