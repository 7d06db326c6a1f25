"""`wgbench compare`: two entries, paired by seed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgbench.cli import shared
from wgbench.evaluation.written import percent

if TYPE_CHECKING:
    from rich.table import Table

    from wgbench.evaluation.intervals import Interval
    from wgbench.results.compare import Comparison

Folder = Annotated[Path, typer.Argument(help="the folder of an entry")]


def compare(a: Folder, b: Folder, as_json: shared.AsJson = False) -> None:
    """Show the difference of two entries' scores, A - B, paired by seed with 95 % intervals."""
    from dataclasses import asdict

    from wgbench.results import schema
    from wgbench.results.compare import compare as compared

    first, second = schema.read(a), schema.read(b)
    found = compared(first, second)
    if as_json:
        shared.print_json({"a": first.id, "b": second.id, **asdict(found)})
        return
    from wgbench.cli.console import console
    from wgbench.results.labels import named

    out = console()
    both = ", ".join(f"{which}: {named(entry)} {entry.id[:6]}" for which, entry in (("A", first), ("B", second)))
    where, seeds = f"{first.dataset.name}, {first.backbone.name}", ", ".join(map(str, found.seeds))
    out.print(f"{both}, on {where}, %, paired over seeds {seeds}", soft_wrap=True)
    out.print(_table(found))
    for line in found.warnings:
        out.print(f"note: {line}", soft_wrap=True)


def _table(found: "Comparison") -> "Table":
    from rich.table import Table

    table = Table()
    for column in ("score", "A", "B", "A - B", "95 % interval"):
        table.add_column(column, justify="left" if column == "score" else "right")
    for row in (row for row in found.rows if row.a is not None or row.b is not None):
        table.add_row(row.score, percent(row.a), percent(row.b), *_difference(row.difference))
    return table


def _difference(found: "Interval | None") -> tuple[str, str]:
    if found is None:
        return "-", ""
    bounded = found.low is not None and found.high is not None
    return percent(found.mean), f"[{percent(found.low)}, {percent(found.high)}]" if bounded else "one seed"
