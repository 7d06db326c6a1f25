"""`wgbench report`: figures and a page from entries, beside the paper's table where asked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wgbench.errors import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from wgbench.results.ground import Ground
    from wgbench.results.side_by_side import Line

SHORT = ("early", "selected", "final", "drop", "- ERM")  # the first of site.report.content.COLUMNS: 80 columns


def report(
    runs: Annotated[
        list[Path], typer.Argument(help="entries, or folders that hold some: runs/, leaderboards/results/")
    ],
    against: Annotated[Literal["paper"] | None, typer.Option(help="a published table to show beside them")] = None,
    out: Annotated[Path, typer.Option(help="where the page and the figures go")] = Path("report"),
) -> None:
    """Write figures (PNG, SVG) and one self-contained HTML page, and show the summary."""
    from wgbench.cli.console import console
    from wgbench.results.ground import find, grounds
    from wgbench.results.side_by_side import side_by_side
    from wgbench.site.report import build

    found = find(runs)
    sorted_ = grounds(found)
    lines = side_by_side([stored.entry for stored in found]) if against else []
    terminal = console()
    for ground in sorted_:
        terminal.print(f"{ground.title}: worst-group accuracy on test, %", soft_wrap=True)
        terminal.print(_summary(ground))
        _say_folders(ground)
    if run := [line for line in lines if line.entry is not None]:  # the page has the others too
        terminal.print(_paper(run))
    _say_departures(lines)
    with console(stderr=True).status("drawing") as status:
        page = build(sorted_, out, lines, lambda name: status.update(f"drawing {name}"))
    typer.echo(f"report: {page}")


def _summary(ground: "Ground") -> "Table":
    from rich.table import Table

    from wgbench.site.report.content import summary_cells

    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("entry", overflow="fold", min_width=14)  # so wide that no loss's name is cut
    for column in SHORT:
        table.add_column(column, justify="right", no_wrap=True)
    for label, stored in zip(ground.labels, ground.entries, strict=True):
        table.add_row(label, *summary_cells(stored.entry)[: len(SHORT)])
    return table


def _say_folders(ground: "Ground") -> None:
    """Which folder is which, and what it lacks."""
    from wgbench.results.lack import narrowed

    for label, stored in zip(ground.labels, ground.entries, strict=True):
        lacks = f", {'; '.join(stored.entry.partial)}" if narrowed(stored.entry.partial) else ""
        typer.echo(plain(f"{label}: {stored.folder}{lacks}"))
    typer.echo("")


def _paper(lines: "Sequence[Line]") -> "Table":
    from rich.table import Table

    from wgbench.site.report.content import paper_row

    title = "beside the paper's Table 1: average train and worst-group test accuracy, %, ours minus the paper's"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    parts = [f"{what} {whose}" for what in ("train", "worst") for whose in ("paper", "ours", "difference")]
    for column in ("dataset", "weight decay", "algorithm", *parts):
        table.add_column(column, justify="left" if column in ("dataset", "algorithm") else "right")
    for line in lines:
        decay = f"{line.moment} (inferred)" if line.reported.inferred else line.moment
        table.add_row(line.reported.dataset, decay, line.reported.algorithm, *paper_row(line))
    return table


def _say_departures(lines: "Sequence[Line]") -> None:
    """Once per entry: how it differs from what the paper ran; and how much was not run."""
    from wgbench.results.side_by_side import departing

    for line in departing(lines):
        where = f"{line.reported.algorithm} on {line.reported.dataset}"
        typer.echo(plain(f"NOT THE PAPER'S SETTING {where}: {'; '.join(line.departures)}"))
    if missing := sum(line.entry is None for line in lines):
        remedy = "`wgbench suite run paper-table1` runs them"
        typer.echo(f"NOT RUN {missing} of {len(lines)} cells of the paper's table; {remedy}")
