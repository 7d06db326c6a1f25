"""`wgbench clean`: what takes room in a store, and what of it can go."""

from pathlib import Path
from typing import Annotated

import typer

from wgbench.cli import shared
from wgbench.errors import BadOption


def clean(
    runs: Annotated[Path, typer.Option(help="where runs and entries are kept")] = Path("runs"),
    abandoned: Annotated[
        float | None,
        typer.Option(help="count unfinished runs as left over that nobody touched for so many days", min=0),
    ] = None,
    networks: Annotated[
        bool, typer.Option("--networks", help="count networks of finished runs, kept by --keep, as left over")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="remove what is left over; otherwise it is only shown")] = False,
    as_json: shared.AsJson = False,
) -> None:
    """Show what takes room in a store; with --yes, remove what is left over of runs that are finished or abandoned.

    Finished runs and entries stay as they are, and so does what interrupted runs go on from.
    """
    from wgbench.cleaning import look, remove
    from wgbench.cli.planned import size

    if not runs.is_dir():
        raise BadOption(f"--runs {runs}", "no such folder", "give the folder that holds the runs")
    kinds: dict[str, list[int]] = {}
    files = []
    for file in look(runs, days=abandoned, networks=networks):
        some = kinds.setdefault(file.kind, [0, 0, 0])
        for i, more in enumerate((1, file.size, file.size * file.left_over)):
            some[i] += more
        if file.left_over:
            files.append(file)
    gone = remove(files) if yes else (0, 0)
    if as_json:
        rows = {kind: dict(zip(("files", "bytes", "left_over"), some, strict=True)) for kind, some in kinds.items()}
        shared.print_json({"kinds": rows, "removed_files": gone[0], "removed_bytes": gone[1]})
        return
    from rich.table import Table

    from wgbench.cli.console import console

    table = Table(box=None, padding=(0, 2, 0, 0), show_footer=True)
    sums = [sum(column) for column in zip(*kinds.values(), strict=True)] or [0, 0, 0]
    for name, footer in (
        ("what", "all"),
        ("files", str(sums[0])),
        ("room", size(sums[1])),
        ("left over", size(sums[2])),
    ):
        table.add_column(name, footer=footer, justify="left" if name == "what" else "right")
    for kind, some in sorted(kinds.items(), key=lambda item: -item[1][1]):
        table.add_row(kind, str(some[0]), size(some[1]), size(some[2]) if some[2] else "-")
    console().print(table)
    if yes:
        typer.echo(f"removed {gone[0]} files, {size(gone[1])}")
    elif files:
        many = len(files) > 1
        typer.echo(
            f"{len(files)} {'files are' if many else 'file is'} left over; --yes removes {'them' if many else 'it'}"
        )
