"""Options that several verbs take, each declared once, in the panels that their help shows them in; what they mean."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wgbench.errors import BadOption, plain

if TYPE_CHECKING:
    from wgbench.request import Observer
    from wgbench.results.trust import Trust as Trusted
    from wgbench.tracking.observer import Tracked

HOW, WHERE, KEPT = "How it is computed", "Where it is computed", "What is kept and shown"

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", envvar="WGBENCH_DATA", help="your copy of the data, read-only")
]
OfDataset = Annotated[list[str] | None, typer.Option("--set", help="an option of the dataset: draw=1")]
Trust = Annotated[list[str] | None, typer.Option(help="a package whose plug-ins the entry names: run its code")]

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...", rich_help_panel=HOW)]
Precision = Annotated[
    Literal["auto", "fp64", "fp32", "tf32", "bf16"],
    typer.Option(
        help="of the arithmetic; auto: bf16 where a short trial on this machine finds it faster", rich_help_panel=HOW
    ),
]
Pipeline = Annotated[
    Literal["fast", "reference"],
    typer.Option(help="reference: the plain loop of the field, for audits", rich_help_panel=HOW),
]
Vectorize = Annotated[
    Literal["auto", "off"],
    typer.Option(help="train cells of small networks together, or one at a time", rich_help_panel=HOW),
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile", help="compile the network, capture whole steps on a GPU: pays on long runs", rich_help_panel=HOW
    ),
]
Threads = Annotated[
    int, typer.Option(help="per cell on the CPU; part of what repeats bit for bit", min=1, rich_help_panel=HOW)
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="repeatable bit for bit on a GPU", rich_help_panel=HOW)
]

Jobs = Annotated[
    int | None,
    typer.Option(
        help="cells at once; as many as there are cores, or room for in the cluster, if left out",
        min=1,
        rich_help_panel=WHERE,
    ),
]
Launcher = Annotated[
    Literal["local", "ray", "slurm"],
    typer.Option(help="processes here, Ray tasks, or Slurm jobs (extras `ray` and `slurm`)", rich_help_panel=WHERE),
]
RayAddress = Annotated[
    str | None,
    typer.Option(help="HOST:PORT of a Ray cluster, or auto; Ray is started here if left out", rich_help_panel=WHERE),
]
LauncherOption = Annotated[
    list[str] | None,
    typer.Option(
        "--launcher-option",
        help="ray: cells_per_gpu=4; slurm: partition=gpu, time=240, mem=16GB, gpus=1",
        rich_help_panel=WHERE,
    ),
]

Runs = Annotated[Path, typer.Option(help="where runs and entries are kept", rich_help_panel=KEPT)]
Keep = Annotated[bool, typer.Option("--keep", help="keep the final networks", rich_help_panel=KEPT)]
CheckpointEvery = Annotated[float, typer.Option(help="seconds between checkpoints", min=0, rich_help_panel=KEPT)]
Log = Annotated[
    list[str] | None,
    typer.Option(
        help="send every epoch to tensorboard, wandb or mlflow too; jsonl: a line of JSON each, on stdout",
        rich_help_panel=KEPT,
    ),
]


def launching(launcher: str, ray_address: str | None, pairs: list[str] | None) -> dict[str, Any]:
    """Fields of a request."""
    from wgbench.cli.values import parsed

    options = parsed(pairs or [], "--launcher-option", "partition=gpu or cells_per_gpu=4")
    if ray_address is not None:
        if launcher != "ray":
            raise BadOption(f"--ray-address {ray_address}", "cells are not run by Ray", "add --launcher ray")
        options["address"] = ray_address
    return {"launcher": launcher, "launcher_options": options}


def tracked(display: "Observer", log: list[str] | None, store: Path, as_json: bool) -> "Tracked":
    """The display, and the trackers that are asked for beside it."""
    from wgbench.tracking.base import trackers
    from wgbench.tracking.observer import Tracked

    if as_json and "jsonl" in (log or []):
        raise BadOption("--json --log jsonl", "both write to stdout", "take one of them")
    return Tracked(display, trackers(log or [], store))


def trusted(folder: Path, named: list[str]) -> "Trusted":
    """Whose code may run: packages named by option, or by answering in a terminal; each is shown before it runs."""
    from wgbench.results import schema, trust

    given = list(named)
    for one in trust.foreign(schema.read(folder)):
        typer.echo(f"note: {plain(str(one))}", err=True)
        asks = not trust.Trust(tuple(given)).allows(one.row) and sys.stdin.isatty() and sys.stderr.isatty()
        if asks and typer.confirm("run that code?", err=True):
            given.append(one.row.distribution)
    return trust.Trust(tuple(given))


def print_json(value: Any) -> None:
    """A value for scripts."""
    import json

    typer.echo(json.dumps(value, indent=1))
