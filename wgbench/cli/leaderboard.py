"""`wgbench leaderboard`: entries onto a board, and the board's own files."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Put entries on a leaderboard, and build it.", no_args_is_help=True)


@app.callback()
def verbs() -> None:
    """Put entries on a leaderboard, and build it."""


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
    board: Annotated[Path, typer.Option(help="the leaderboard's folder")] = Path("leaderboards"),
    out: Annotated[Path | None, typer.Option(help="a folder for the board's site: pages that need no server")] = None,
) -> None:
    """Write `<board>/<dataset>-v<V>.json` for every dataset, and their index, from the entries and replays there."""
    from wgbench.results import building

    made = building.boards(building.placed(board, {}))
    for path in building.write(board, made):
        typer.echo(f"built {path}")
    if out is not None:
        from wgbench.site.board import build as build_site

        build_site(board, out)
        typer.echo(f"built {out / 'index.html'}")
