"""`wgbench leaderboard submit`: an entry, handed in for review."""

from pathlib import Path
from typing import Annotated

import typer


def submit(
    entry: Annotated[Path, typer.Argument(help="the folder that `wgbench run` printed")],
    to: Annotated[str, typer.Option(help="the leaderboard's git repository, or hf:<dataset repository>")],
) -> None:
    """Check an entry, and push it to a leaderboard's repository on a branch of its own, ready for review."""
    from wgbench.results.publish import submit as handed_in

    done = handed_in(entry, to)
    typer.echo(f"submitted: {done.where}\nentry: {done.folder}\nits reviewer runs:")
    for line in done.review:
        typer.echo(f"    {line}")
