"""Figures as files: PNG for slides, SVG for print, the same bytes for the same figure."""

import re
from io import BytesIO
from typing import Any

from matplotlib import style as looks
from matplotlib.figure import Figure

from wgbench.plots.style import BASE

DPI = 160  # of a PNG
SILENT: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
PATH = re.compile(rb' d="[^"]*"')
DECIMALS = re.compile(rb"(\.\d\d)\d+")


def rendered(figure: Figure) -> dict[str, bytes]:
    """The content of a figure's files by their ending, without dates and without ids drawn at random."""
    with looks.context(["default", BASE]):
        for _ in range(2):  # arranges the parts, once for both files; the first pass changes which ticks there are
            figure.draw_without_rendering()
        figure.set_layout_engine("none")
        found = {kind: _saved(figure, kind) for kind in SILENT}
    return {**found, "svg": _rounded(found["svg"])}


def _saved(figure: Figure, kind: str) -> bytes:
    sink = BytesIO()
    figure.savefig(sink, format=kind, dpi=DPI, facecolor="white", metadata=SILENT[kind])
    return sink.getvalue()


def _rounded(svg: bytes) -> bytes:
    """Paths to a hundredth of a point: half the bytes, and nobody sees it."""
    return PATH.sub(lambda path: DECIMALS.sub(rb"\1", path.group()), svg)
