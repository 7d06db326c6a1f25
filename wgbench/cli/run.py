"""`wgbench run`: the full protocol for one algorithm on one dataset."""

from pathlib import Path
from typing import Annotated

import typer

from wgbench.cli import shared
from wgbench.request import Request


def run(
    algorithm: Annotated[str, typer.Argument(help="`wgbench ls algorithms`")],
    dataset: Annotated[str, typer.Argument(help="`wgbench ls datasets`")],
    backbone: Annotated[str | None, typer.Option(help="a network; the dataset's default if left out")] = None,
    seeds: Annotated[str | None, typer.Option(help="seeds, as 2002,2022: values, not a count")] = None,
    wd: Annotated[str | None, typer.Option(help="weight decays, as 0,.1")] = None,
    epochs: Annotated[int | None, typer.Option(help="the horizon", min=1)] = None,
    tune: Annotated[
        int, typer.Option(help="choose the algorithm's options among so many draws, the default one of them", min=0)
    ] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="nu=.1 of the algorithm; recipe.lr=.01, dataset.draw=1, backbone.width=64"),
    ] = None,
    pretrained: Annotated[bool | None, typer.Option("--pretrained/--no-pretrained", help="initial weights")] = None,
    weights: Annotated[Path | None, typer.Option(help="a file with initial weights, instead of the hub's")] = None,
    baseline: Annotated[bool, typer.Option(help="run ERM beside it, for the scores relative to ERM")] = True,
    data_dir: shared.DataDir = None,
    device: shared.Device = "auto",
    precision: shared.Precision = "auto",
    pipeline: shared.Pipeline = "fast",
    vectorize: shared.Vectorize = "auto",
    compiled: shared.Compile = False,
    threads: shared.Threads = 1,
    deterministic: shared.Deterministic = False,
    jobs: shared.Jobs = None,
    launcher: shared.Launcher = "local",
    ray_address: shared.RayAddress = None,
    launcher_option: shared.LauncherOption = None,
    runs: shared.Runs = Path("runs"),
    keep: shared.Keep = False,
    checkpoint_every: shared.CheckpointEvery = 30.0,
    note: Annotated[str, typer.Option(help="a remark for the entry", rich_help_panel=shared.KEPT)] = "",
    log: shared.Log = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="print the entry as JSON, nothing else, on stdout", rich_help_panel=shared.KEPT),
    ] = False,
) -> None:
    """Train every seed and weight decay to the full horizon, and write a leaderboard entry."""
    from wgbench.cli.values import numbers, parsed

    request = Request(
        algorithm=algorithm,
        dataset=dataset,
        backbone=backbone,
        seeds=numbers("--seeds", seeds, int),
        weight_decays=numbers("--wd", wd, float),
        epochs=epochs,
        tune=tune,
        settings=parsed(settings or []),
        pretrained=pretrained,
        weights=weights,
        device=device,
        precision=precision,
        pipeline=pipeline,
        vectorize=vectorize,
        compile=compiled,
        threads=threads,
        deterministic=deterministic,
        jobs=jobs,
        **shared.launching(launcher, ray_address, launcher_option),
        data_dir=data_dir,
        store=runs,
        keep=keep,
        checkpoint_every=checkpoint_every,
        note=note,
        baseline=baseline,
    )
    from wgbench import protocol
    from wgbench.cli.progress import Display

    with Display() as display, shared.tracked(display, log, runs, as_json) as observer:
        result = protocol.run(request, observer)
    if "jsonl" in (log or []):
        return
    if as_json:
        typer.echo(result.entry.to_json(), nl=False)
        return
    from wgbench.cli.console import console
    from wgbench.cli.summary import summary

    for part in summary(result.entry, result.folder):
        console().print(part)
