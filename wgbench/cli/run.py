"""`wgbench run`: the full protocol for one algorithm on one dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wgbench.cli.launching import Jobs, Launcher, LauncherOption, RayAddress, launching
from wgbench.errors import BadOption
from wgbench.request import Request

if TYPE_CHECKING:
    from wgbench.request import Observer
    from wgbench.tracking.observer import Tracked

Numbers = str  # comma-separated, on the command line
Log = Annotated[
    list[str] | None,
    typer.Option(help="send every epoch to tensorboard, wandb or mlflow too; jsonl: a line of JSON each, on stdout"),
]


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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    precision: Annotated[
        Literal["auto", "fp64", "fp32", "tf32", "bf16"],
        typer.Option(help="of the arithmetic; auto: bf16 where a short trial on this machine finds it faster"),
    ] = "auto",
    pipeline: Annotated[
        Literal["fast", "reference"], typer.Option(help="reference: the plain loop of the field, for audits")
    ] = "fast",
    vectorize: Annotated[
        Literal["auto", "off"], typer.Option(help="train cells of small networks together, or one at a time")
    ] = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="compile the network, capture whole steps on a GPU: pays on long runs")
    ] = False,
    threads: Annotated[int, typer.Option(help="per cell on the CPU; part of what repeats bit for bit", min=1)] = 1,
    deterministic: Annotated[bool, typer.Option("--deterministic", help="repeatable bit for bit on a GPU")] = False,
    jobs: Jobs = None,
    launcher: Launcher = "local",
    ray_address: RayAddress = None,
    launcher_option: LauncherOption = None,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="WGBENCH_DATA", help="your copy of the data, read-only")
    ] = None,
    runs: Annotated[Path, typer.Option(help="where runs and entries are kept")] = Path("runs"),
    keep: Annotated[bool, typer.Option("--keep", help="keep the final networks")] = False,
    checkpoint_every: Annotated[float, typer.Option(help="seconds between checkpoints", min=0)] = 30.0,
    note: Annotated[str, typer.Option(help="a remark for the entry")] = "",
    baseline: Annotated[bool, typer.Option(help="run ERM beside it, for the scores relative to ERM")] = True,
    log: Log = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the entry as JSON, nothing else, on stdout")] = False,
) -> None:
    """Train every seed and weight decay to the full horizon, and write a leaderboard entry."""
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
        **launching(launcher, ray_address, launcher_option),
        data_dir=data_dir,
        store=runs,
        keep=keep,
        checkpoint_every=checkpoint_every,
        note=note,
        baseline=baseline,
    )
    from wgbench import protocol
    from wgbench.cli.progress import Display

    with Display() as display, tracked(display, log, runs, as_json) as observer:
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


def tracked(display: "Observer", log: list[str] | None, store: Path, as_json: bool) -> "Tracked":
    """The display, and the trackers that are asked for beside it."""
    from wgbench.tracking.base import trackers
    from wgbench.tracking.observer import Tracked

    if as_json and "jsonl" in (log or []):
        raise BadOption("--json --log jsonl", "both write to stdout", "take one of them")
    return Tracked(display, trackers(log or [], store))


def numbers(option: str, text: str | None, kind: type) -> tuple[Any, ...] | None:
    """A list of numbers from the command line."""
    if text is None:
        return None
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        raise BadOption(
            f"{option} {text}", "not a list of numbers", f"write {option} 2002,2022 or {option} 0,.1"
        ) from None


def parsed(pairs: list[str], option: str = "--set", example: str = "nu=.1 or --set recipe.lr=.01") -> dict[str, Any]:
    """NAME=VALUE pairs of an option, with what the values say."""
    from wgbench.cli.values import value

    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadOption(f"{option} {pair}", "no NAME=VALUE", f"write {option} {example}")
        settings[name] = value(f"{option} {pair}", text)
    return settings
