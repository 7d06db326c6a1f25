"""Figures as files: PNG for slides, SVG for print, the same bytes for the same figure."""

import re
from io import BytesIO
from typing import Any

from matplotlib import style as looks
from matplotlib.figure import Figure

from wgbench.plots.style import BASE

DPI = 160  # of a PNG
SILENT: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
PATH = re.compile(r' d="(M [^"A-KN-Za-y]{400,})"')  # of lines and bands: no curve, hence no letter of a text


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
    """Long paths to a tenth of a point, without the L of each line (M implies it): half the bytes, looking the same."""

    def shorter(path: re.Match[str]) -> str:
        return f' d="{" ".join(_tenth(part) for part in path.group(1).split() if part != "L")}"'

    return PATH.sub(shorter, svg.decode()).encode()


def _tenth(part: str) -> str:
    """A number with one decimal or none; a letter as it is."""
    return part if part.isalpha() else f"{float(part):.1f}".removesuffix(".0")
