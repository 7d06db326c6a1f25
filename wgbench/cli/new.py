"""`wgbench new`: the beginnings of a plug-in, as a package that installs and passes its tests."""

from pathlib import Path
from typing import Annotated

import typer


def new(
    kind: Annotated[str, typer.Argument(help="algorithm, dataset, backbone or loss")],
    name: Annotated[str, typer.Argument(help="what it will be called: letters, digits, dashes")],
    out: Annotated[Path | None, typer.Option(help="the folder to write; wgbench-NAME if left out")] = None,
) -> None:
    """Write a small package around a plug-in of your own: entry point, tests, README, CI."""
    from wgbench import scaffold

    folder = scaffold.write(kind, name, out)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        typer.echo(path.as_posix())
    typer.echo(f"\nnow: pip install -e '{folder.as_posix()}[test]' && pytest {folder.as_posix()}")
