"""`wgbench suite`: many entries from one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wgbench.cli.launching import Jobs, Launcher, LauncherOption, RayAddress, launching
from wgbench.cli.run import Log, tracked
from wgbench.errors import BadOption, WgbenchError
from wgbench.request import Result

if TYPE_CHECKING:
    from wgbench.suite import Item

app = typer.Typer(help="Run many entries: the paper's tables and figures, everything offline.", no_args_is_help=True)

FAILED = 2
Name = Annotated[str, typer.Argument(help="a file, or a name from `wgbench suite list`")]
Only = Annotated[
    str | None, typer.Option(help="a shell pattern: entries whose label, algorithm, dataset or network it fits")
]
Seeds = Annotated[str | None, typer.Option(help="instead of the suite's, as 2002,2022: values, not a count")]
Decays = Annotated[str | None, typer.Option(help="weight decays instead of the suite's, as 0,.1")]
Epochs = Annotated[int | None, typer.Option(help="the horizon instead of the suite's", min=1)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Precision = Annotated[Literal["auto", "fp64", "fp32", "tf32", "bf16"], typer.Option(help="of the arithmetic")]
Pipeline = Annotated[Literal["fast", "reference"], typer.Option(help="reference: the plain loop of the field")]
Compiled = Annotated[bool, typer.Option("--compile", help="compile networks, capture whole steps on a GPU")]
Vectorize = Annotated[
    Literal["auto", "off"], typer.Option(help="train cells of small networks together, or one at a time")
]
Threads = Annotated[int, typer.Option(help="per cell on the CPU; part of what repeats bit for bit", min=1)]
Weights = Annotated[Path | None, typer.Option(help="initial weights, for entries that say `pretrained: true`")]
DataDir = Annotated[
    Path | None,
    typer.Option(envvar="WGBENCH_DATA", help="your copies of the data, read-only; a folder for each dataset"),
]
Runs = Annotated[Path, typer.Option(help="where runs and entries are kept")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_suites(as_json: AsJson = False) -> None:
    """The suites that come with wgbench, and how many entries they have."""
    from wgbench import suite_file

    rows: list[dict[str, Any]] = []
    for name in suite_file.names():
        suite = suite_file.find(name)[1]
        items = suite.items()
        datasets = list(dict.fromkeys(item.request.dataset for item in items))
        rows.append({"name": name, "title": suite.title, "entries": len(items), "datasets": datasets})
    if as_json:
        _print_json(rows)
        return
    from rich.table import Table

    from wgbench.cli.console import console

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "what", "entries", "datasets"):
        table.add_column(column, justify="right" if column == "entries" else "left", overflow="fold")
    for row in rows:
        table.add_row(row["name"], row["title"], str(row["entries"]), ", ".join(row["datasets"]))
    console().print(table)


@app.command()
def run(
    suite: Name,
    only: Only = None,
    seeds: Seeds = None,
    wd: Decays = None,
    epochs: Epochs = None,
    weights: Weights = None,
    device: Device = "auto",
    precision: Precision = "auto",
    pipeline: Pipeline = "fast",
    vectorize: Vectorize = "auto",
    compiled: Compiled = False,
    threads: Threads = 1,
    deterministic: Annotated[bool, typer.Option("--deterministic", help="repeatable bit for bit on a GPU")] = False,
    jobs: Jobs = None,
    launcher: Launcher = "local",
    ray_address: RayAddress = None,
    launcher_option: LauncherOption = None,
    data_dir: DataDir = None,
    runs: Runs = Path("runs"),
    keep: Annotated[bool, typer.Option("--keep", help="keep the final networks")] = False,
    checkpoint_every: Annotated[float, typer.Option(help="seconds between checkpoints", min=0)] = 30.0,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="leave out entries that cannot be run, run the others; exit 2 at the end"),
    ] = False,
    log: Log = None,
    as_json: AsJson = False,
) -> None:
    """Train what is not done yet, all entries in one queue, and write their entries; called again, it goes on."""
    from wgbench import protocol
    from wgbench.cli.progress import SuiteDisplay

    circumstances = {
        "weights": weights,
        "device": device,
        "precision": precision,
        "pipeline": pipeline,
        "vectorize": vectorize,
        "compile": compiled,
        "threads": threads,
        "deterministic": deterministic,
        "jobs": jobs,
        **launching(launcher, ray_address, launcher_option),
        "data_dir": data_dir,
        "store": runs,
        "keep": keep,
        "checkpoint_every": checkpoint_every,
    }
    items = _items(suite, only, _narrowed(seeds, wd, epochs), circumstances)
    names = {id(item.request): item.name for item in items}
    with SuiteDisplay(names) as display, tracked(display, log, runs, as_json) as observer:
        outcomes = protocol.run_all([item.request for item in items], observer, keep_going=keep_going)
    if as_json:
        _print_json([_facts(item, outcome) for item, outcome in zip(items, outcomes, strict=True)])
    elif "jsonl" not in (log or []):
        from wgbench.cli.console import console
        from wgbench.cli.summary import overview

        console().print(overview(suite, [(item.name, o) for item, o in zip(items, outcomes, strict=True)]))
        typer.echo(f"entries: {runs / 'entries'}")
    if any(isinstance(outcome, WgbenchError) for outcome in outcomes):
        raise typer.Exit(FAILED)


@app.command()
def status(
    suite: Name,
    only: Only = None,
    seeds: Seeds = None,
    wd: Decays = None,
    epochs: Epochs = None,
    weights: Weights = None,
    device: Device = "auto",
    precision: Precision = "auto",
    pipeline: Pipeline = "fast",
    vectorize: Vectorize = "auto",
    compiled: Compiled = False,
    threads: Threads = 1,
    jobs: Jobs = None,
    data_dir: DataDir = None,
    runs: Runs = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """How far a suite is: cells done, half done and to do, and the time left at the speed of the runs in the store.

    With the options of `suite run` that decide what is run. Nothing is trained, and no data prepared.
    """
    from wgbench.cli.standing import facts, table
    from wgbench.protocol import processes
    from wgbench.suite_status import standings

    circumstances = {
        "weights": weights,
        "device": device,
        "precision": precision,
        "pipeline": pipeline,
        "vectorize": vectorize,
        "compile": compiled,
        "threads": threads,
        "data_dir": data_dir,
        "store": runs,
    }
    items = _items(suite, only, _narrowed(seeds, wd, epochs), circumstances)
    found, together = standings([item.request for item in items])
    at_once = jobs or processes(device)
    if as_json:
        rows = [{"name": i.name, "label": i.label, **facts(s.part), "written": s.written,
                 "problem": str(s.problem) if s.problem else None}
                for i, s in zip(items, found, strict=True)]  # fmt: skip
        _print_json({"entries": rows, "together": facts(together), "processes": at_once})
        return
    from wgbench.cli.console import console

    for part in table([item.name for item in items], found, together, at_once):
        console().print(part)


def _items(suite: str, only: str | None, narrowed: dict[str, Any], common: dict[str, Any]) -> list["Item"]:
    """The entries of a suite that are asked for."""
    from wgbench import suite_file

    items = suite_file.find(suite)[1].items({**common, **narrowed})
    if only is None:
        return items
    chosen = [item for item in items if item.matches(only)]
    if not chosen:
        labels = list(dict.fromkeys(filter(None, (item.label for item in items))))
        datasets = list(dict.fromkeys(item.request.dataset for item in items))
        remedy = f"take one of {', '.join([*datasets, *labels])}, or an algorithm; `*` stands for anything"
        raise BadOption(f"--only {only}", f"no entry of suite {suite} fits", remedy)
    return chosen


def _narrowed(seeds: str | None, wd: str | None, epochs: int | None) -> dict[str, Any]:
    """What the command line says instead of the suite."""
    from wgbench.cli.run import numbers

    given = {"seeds": numbers("--seeds", seeds, int), "weight_decays": numbers("--wd", wd, float), "epochs": epochs}
    return {name: value for name, value in given.items() if value is not None}


def _facts(item: "Item", outcome: Result | WgbenchError) -> dict[str, Any]:
    """An entry of the suite, as JSON values."""
    facts = {
        "name": item.name,
        "label": item.label,
        "algorithm": item.request.algorithm,
        "dataset": item.request.dataset,
    }
    if isinstance(outcome, WgbenchError):
        return {**facts, "error": str(outcome)}
    final = outcome.entry.scores.wga_final
    return {**facts, "entry": str(outcome.folder), "wga_final": final.mean if final else None}


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, indent=1))
