"""`wgbench leaderboard`: entries onto a board, looked at, built into its files and shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wgbench.cli import shared
from wgbench.errors import plain

if TYPE_CHECKING:
    from wgbench.results.known import Labels

FAILED = 2
SHOWN = 20  # problems of one entry that are printed

app = typer.Typer(help="Put entries on a leaderboard, check them, and build it.", no_args_is_help=True)
Board = Annotated[Path, typer.Option(help="the leaderboard's folder")]
Fetch = Annotated[bool, typer.Option("--fetch", help="download the data where it is not at hand, for its labels")]


@app.callback()
def verbs() -> None:
    """Put entries on a leaderboard, check them, and build it."""


@app.command()
def add(
    entry: Annotated[Path, typer.Argument(help="the folder that `wgbench run` printed")],
    to: Annotated[Path, typer.Option(help="the leaderboard's folder")] = Path("leaderboards"),
) -> None:
    """Check an entry and copy it into `<to>/results/`."""
    from wgbench.results.leaderboard import add as add_entry

    typer.echo(f"added {add_entry(entry, to)}")


@app.command()
def build(
    board: Board = Path("leaderboards"),
    out: Annotated[Path | None, typer.Option(help="a folder for the board's site: pages that need no server")] = None,
) -> None:
    """Write `<board>/<dataset>-v<V>.json` for every dataset, and their index, from the entries and replays there.

    Entries are checked first; those that were, and have not changed, are not checked again.
    """
    from wgbench.drafting import cache_root
    from wgbench.launch.base import cores
    from wgbench.results import board_folder, building

    board_folder.require(board)
    made = building.boards(building.read(board, cache_root(), cores()))
    for path in building.write(board, made):
        typer.echo(f"built {path}")
    if out is not None:
        from wgbench.site.board import build as build_site

        build_site(board, out)
        typer.echo(f"built {out / 'index.html'}")


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="the folder of an entry, or a whole board")],
    data_dir: shared.DataDir = None,
    fetch: Fetch = False,
    trust: Annotated[
        list[str] | None, typer.Option(help="a package that an entry's dataset comes from: run its code")
    ] = None,
    as_json: shared.AsJson = False,
) -> None:
    """Count every score again and look for contradictions; one line per problem, exit 2 if there is any.

    Predictions are compared with labels where the data is at hand. Plug-ins of other packages are named, and run only
    if they are trusted.
    """
    from wgbench.results.checking import check_any
    from wgbench.results.trust import Trust

    reports = check_any(path, _labels(data_dir, fetch=fetch), Trust(tuple(trust or ())))
    if as_json:
        keys = ("name", "level", "problems", "remarks")
        shared.print_json([{key: getattr(report, key) for key in keys} for report in reports])
    else:
        for report in reports:
            more = len(report.problems) - SHOWN
            lines = [f"{report.name}: {line}" for line in report.problems[:SHOWN]]
            lines += [f"{report.name}: and {more} more"] if more > 0 else []
            lines += [] if report.problems else [f"{report.name}: {report.level}"]
            lines += [f"    note: {line}" for line in report.remarks]
            typer.echo("\n".join(map(plain, lines)))
        wrong = sum(bool(report.problems) for report in reports)
        verdict = f"{wrong} with problems" if wrong else "nothing contradicts anything"
        typer.echo(f"{len(reports)} entr{'y' if len(reports) == 1 else 'ies'} checked, {verdict}")
    if any(report.problems for report in reports):
        raise typer.Exit(FAILED)


@app.command()
def rescore(
    path: Annotated[Path, typer.Argument(help="the folder of an entry, or a whole board")],
    data_dir: shared.DataDir = None,
    fetch: Fetch = False,
) -> None:
    """Bring entries that were written earlier up to date, from their own files; those that are stay untouched."""
    from wgbench.results.rescoring import rescore_any

    for folder, changed in rescore_any(path, _labels(data_dir, fetch=fetch)):
        typer.echo(f"{folder}: {'rescored' if changed else 'up to date'}")


@app.command()
def show(
    dataset: Annotated[str | None, typer.Argument(help="its name; all of the board if left out")] = None,
    board: Board = Path("leaderboards"),
    as_json: shared.AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown.")] = False,
) -> None:
    """Print the board's table: worst-group accuracy on test, early, selected and final, and what became of it."""
    from wgbench.cli.standings import is_measured, read, table

    found = read(board, dataset)
    if as_json:
        shared.print_json([one.model_dump(mode="json", by_alias=True) for one in found])
        return
    if as_markdown:
        from wgbench.cli.markdown import table as written

        typer.echo("\n".join(f"### {one.dataset.name}\n\n{written(one)}" for one in found), nl=False)
        return
    from wgbench.cli.console import console

    out = console()
    for one in found:
        if dataset is not None or is_measured(one):
            out.print(table(one), "")
    if dataset is None and (others := [one.dataset.name for one in found if not is_measured(one)]):
        out.print(f"what papers report, with nothing measured beside it yet: `show NAME`, of {', '.join(others)}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of an entry, schema 1."""
    from wgbench.results.schema import json_schema

    typer.echo(json_schema(), nl=False)


def _labels(data_dir: Path | None, *, fetch: bool) -> "Labels":
    from wgbench.drafting import cache_root
    from wgbench.results.known import labels
    from wgbench.types import Root

    return labels(Root(cache_root(), data_dir), fetch=fetch)
