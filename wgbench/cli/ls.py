"""`wgbench ls`: what there is."""

from typing import Annotated, Any

import typer

import wgbench
from wgbench.cli import shared
from wgbench.registry import KINDS, plural


def ls(
    kind: Annotated[
        str | None, typer.Argument(help="algorithms, losses, datasets or backbones; all if left out")
    ] = None,
    pattern: Annotated[str, typer.Argument(help="a shell pattern: 'gdro*', 'timm:resnet*'")] = "*",
    as_json: shared.AsJson = False,
) -> None:
    """List what is registered, built in and installed."""
    rows = {k: _rows(k, pattern) for k in ([plural(f"wgbench ls {kind}", kind)] if kind else KINDS)}
    if as_json:
        shared.print_json(rows)
        return
    from rich.table import Table

    from wgbench.cli.console import console

    for title, listed in rows.items():
        table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
        for column in ("name", "what", "from"):
            table.add_column(column, overflow="fold")
        for row in listed:
            table.add_row(row["name"], row["summary"], row["owner"])
        console().print(table)


def _rows(kind: str, pattern: str) -> list[dict[str, str]]:
    if kind == "backbones" and pattern.startswith("timm:"):
        import timm

        names = timm.list_models(pattern.removeprefix("timm:"))
        return [{"name": f"timm:{name}", "summary": "", "owner": "timm"} for name in names]
    module: Any = getattr(wgbench, kind)
    infos = [module.registry.listing(name) for name in module.names(pattern)]
    return [{"name": i.name, "summary": i.summary, "owner": i.owner} for i in infos]
