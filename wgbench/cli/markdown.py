"""A board's table in Markdown, for a README."""

from collections.abc import Container

from wgbench.cli.standings import named, sees
from wgbench.results.board import Board, Measured, Value
from wgbench.site.board import numbers
from wgbench.site.board.words import SCORES, Unit

COLUMNS = {"early": "wga_early", "selected": "wga_selected", "final": "wga_final", "final - ERM": "erm_excess_final"}
SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|~"} | {"\n": " ", "\r": " "})


def table(board: Board, ids: Container[str] | None = None) -> str:
    """Worst-group accuracy on test in percent with half of its 95 % interval over seeds, a line per measured row.

    `ids` picks rows.
    """
    measured = [row for row in board.rows if isinstance(row, Measured)]
    several = len({row.backbone.name for row in measured}) > 1
    kept = [row for row in measured if ids is None or row.id in ids]
    head = ["rank", "algorithm", "group labels of", *COLUMNS]
    lines = [head, ["--:", "---", "---", *["--:"] * len(COLUMNS)], *(_cells(row, several) for row in kept)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(value: Value | None, unit: Unit = "share") -> str:
    """`70.9 ± 1.6`; without the second where there is one seed."""
    half = numbers.half(value, unit)
    return numbers.shown(value.mean if value else None, unit) + (f" ± {half}" if half else "")


def _cells(row: Measured, several: bool) -> list[str]:
    """A row; names are anybody's, and must stay text."""
    name = named(row, several=several).translate(SPECIAL)
    scores = [shown(row.scores[score], SCORES[score].unit) for score in COLUMNS.values()]
    return [numbers.DASH if row.rank is None else str(row.rank), name, sees(row).translate(SPECIAL) or "none", *scores]
