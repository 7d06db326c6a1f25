"""`wgbench export`: trained networks with a card, and predictions per example."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from wgbench.cli import shared
from wgbench.errors import plain


def export(
    entry: Annotated[Path, typer.Argument(help="the folder that `wgbench run` printed, or one on a board")],
    out: Annotated[Path | None, typer.Option(help="the folder to write; export/<entry id> if left out")] = None,
    seeds: Annotated[str | None, typer.Option(help="networks of these seeds, as 2002,2022; all if left out")] = None,
    wd: Annotated[str, typer.Option(help="networks of these weight decays, as 0,.1")] = "0",
    train: Annotated[
        bool, typer.Option("--train", help="train again what was not kept: the same bit for bit on the same machine")
    ] = False,
    predictions: Annotated[Literal["csv", "parquet"], typer.Option(help="how to write predictions")] = "csv",
    runs: Annotated[Path | None, typer.Option(help="where the runs are, if not beside the entry")] = None,
    data_dir: shared.DataDir = None,
    weights: Annotated[Path | None, typer.Option(help="the file with initial weights, to train again")] = None,
    device: Annotated[str | None, typer.Option(help="to train again on; as the entry if left out")] = None,
    trust: shared.Trust = None,
) -> None:
    """Write final networks as safetensors (timm's under timm's names), predictions per example, and a model card.

    Networks are there if `wgbench run` was called with --keep; `--train` trains the others again.
    """
    from wgbench.cli.values import numbers
    from wgbench.export.folder import Export, write

    wanted = Export(
        folder=entry,
        out=out,
        seeds=numbers("--seeds", seeds, int),
        weight_decays=numbers("--wd", wd, float) or (),
        store=runs,
        data=data_dir,
        weights=weights,
        device=device,
        train=train,
        format=predictions,
        trust=shared.trusted(entry, trust or []),
    )
    from wgbench.cli.console import console

    with console(stderr=True).status("exporting") as status:
        done = write(wanted, lambda cell, p: status.update(f"seed {cell.seed}: epoch {p.epoch} of {p.epochs}"))
    for note in done.notes:
        typer.echo(f"note: {plain(note)}", err=True)
    for path in done.files:
        typer.echo(path.as_posix())
