"""The report's files: every figure as PNG and SVG, and one page that holds all of it and loads nothing."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from wgbench.disk import write_whole, writing
from wgbench.plots.files import rendered
from wgbench.results.ground import Ground
from wgbench.results.side_by_side import Line, departing
from wgbench.site.board.words import SCORES
from wgbench.site.policy import policy
from wgbench.site.report import content
from wgbench.site.report.plates import Plate, of_entry, of_ground
from wgbench.site.templates import templates

HERE = Path(__file__).parent
PAGE, FIGURES = "report.html", "figures"
BETWEEN = re.compile(r">\s+<")
AGAIN = "then write the report again"


@dataclass(frozen=True)
class Shown:
    """A figure in the page: its picture as a data URI."""

    plate: Plate
    picture: str


def build(
    grounds: Sequence[Ground],
    out: Path,
    paper: Sequence[Line] = (),
    told: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write figures and page into a folder; the page. `told` hears the name of each figure.

    The same entries give the same bytes. StoreFailed where the folder cannot be written.
    """
    with writing(out, AGAIN):
        pictures = [_pictures(ground, out / FIGURES / content.anchor(ground), told) for ground in grounds]
        page = out / PAGE
        write_whole(page, html(grounds, pictures, paper))
    return page


def html(
    grounds: Sequence[Ground], pictures: Sequence[tuple[list[Shown], list[list[Shown]]]], paper: Sequence[Line]
) -> bytes:
    """The page in UTF-8. Everything is escaped, and its policy allows nothing but its own style and pictures."""
    style = (HERE / "report.css").read_text(encoding="utf-8")
    text = _template().render(
        style=Markup(style),
        policy=policy(style, pictures=True),
        sections=list(zip(map(content.section, grounds), pictures, strict=True)),
        columns=[SCORES[name] for name in content.COLUMNS],
        paper=[(line, content.paper_row(line)) for line in paper],
        departures=departing(paper),
        missing=sum(line.entry is None for line in paper),
    )
    return text.encode("utf-8", "replace")


def _pictures(ground: Ground, folder: Path, told: Callable[[str], None]) -> tuple[list[Shown], list[list[Shown]]]:
    """Figures of a ground, and of each of its entries, written and ready for the page."""
    folder.mkdir(parents=True, exist_ok=True)
    of_all = [_shown(plate, folder, told) for plate in of_ground(ground)]
    named = zip(ground.entries, ground.labels, strict=True)
    return of_all, [[_shown(p, folder, told) for p in of_entry(stored, label)] for stored, label in named]


def _shown(plate: Plate, folder: Path, told: Callable[[str], None]) -> Shown:
    told(f"{folder.name}/{plate.name}")
    files = rendered(plate.draw())
    for kind, bytes_ in files.items():
        write_whole(folder / f"{plate.name}.{kind}", bytes_)
    return Shown(plate, _uri(files["svg"]))


def _uri(svg: bytes) -> str:
    """A picture inside the page: percent-encoding is shorter than base64 here."""
    text = BETWEEN.sub("><", svg.decode()).replace("\n", " ")
    return "data:image/svg+xml," + quote(text, safe=" /:=,;()!*+@$&?[]{}|^'")


@cache
def _template() -> jinja2.Template:
    return templates(HERE).get_template("report.html")
