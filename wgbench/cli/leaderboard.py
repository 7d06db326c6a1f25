"""`wgbench leaderboard`: entries onto a board."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Put entries on a leaderboard.", no_args_is_help=True)


@app.callback()
def verbs() -> None:
    """Put entries on a leaderboard."""


@app.command()
def add(
    entry: Annotated[Path, typer.Argument(help="the folder that `wgbench run` printed")],
    to: Annotated[Path, typer.Option(help="the leaderboard's folder")] = Path("leaderboards"),
) -> None:
    """Check an entry and copy it into `<to>/results/`."""
    from wgbench.results.leaderboard import add as add_entry

    typer.echo(f"added {add_entry(entry, to)}")
