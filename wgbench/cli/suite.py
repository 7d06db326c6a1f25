"""`wgbench suite`: many entries from one file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgbench.cli import shared
from wgbench.cli.suite_options import Chosen, on_entries
from wgbench.errors import BadOption, WgbenchError
from wgbench.request import Result

if TYPE_CHECKING:
    from wgbench.suite import Item

app = typer.Typer(help="Run many entries: the paper's tables and figures, everything offline.", no_args_is_help=True)

FAILED = 2


@app.command("list")
def list_suites(as_json: shared.AsJson = False) -> None:
    """The suites that come with wgbench, and how many entries they have."""
    from wgbench import suite_file

    rows: list[dict[str, Any]] = []
    for name in suite_file.names():
        suite = suite_file.find(name)[1]
        items = suite.items()
        datasets = list(dict.fromkeys(item.request.dataset for item in items))
        rows.append({"name": name, "title": suite.title, "entries": len(items), "datasets": datasets})
    if as_json:
        shared.print_json(rows)
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
@on_entries
def run(
    asked: Chosen,
    deterministic: shared.Deterministic = False,
    launcher: shared.Launcher = "local",
    ray_address: shared.RayAddress = None,
    launcher_option: shared.LauncherOption = None,
    keep: shared.Keep = False,
    checkpoint_every: shared.CheckpointEvery = 30.0,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="leave out entries that cannot be run, run the others; exit 2 at the end"),
    ] = False,
    log: shared.Log = None,
    as_json: shared.AsJson = False,
) -> None:
    """Train what is not done yet, all entries in one queue, and write their entries; called again, it goes on."""
    from wgbench import protocol
    from wgbench.cli.progress import SuiteDisplay

    how = {"deterministic": deterministic, "keep": keep, "checkpoint_every": checkpoint_every}
    items = asked.items(**how, **shared.launching(launcher, ray_address, launcher_option))
    names = {id(item.request): item.name for item in items}
    with SuiteDisplay(names) as display, shared.tracked(display, log, asked.store, as_json) as observer:
        outcomes = protocol.run_all([item.request for item in items], observer, keep_going=keep_going)
    if as_json:
        shared.print_json([_facts(item, outcome) for item, outcome in zip(items, outcomes, strict=True)])
    elif "jsonl" not in (log or []):
        from wgbench.cli.console import console
        from wgbench.cli.summary import overview

        console().print(overview(asked.suite, [(item.name, o) for item, o in zip(items, outcomes, strict=True)]))
        typer.echo(f"entries: {asked.store / 'entries'}")
    if any(isinstance(outcome, WgbenchError) for outcome in outcomes):
        raise typer.Exit(FAILED)


@app.command()
@on_entries
def status(asked: Chosen, as_json: shared.AsJson = False) -> None:
    """How far a suite is: cells done, half done and to do, and the time left at the speed of the runs in the store.

    With the options of `suite run` that decide what is run. Nothing is trained, and no data prepared.
    """
    from wgbench.cli.standing import facts, table
    from wgbench.protocol import processes
    from wgbench.suite_status import standings

    items = asked.items()
    found, together = standings([item.request for item in items])
    at_once = asked.jobs or processes(asked.device)
    if as_json:
        rows = [{"name": i.name, "label": i.label, **facts(s.part), "written": s.written,
                 "problem": str(s.problem) if s.problem else None}
                for i, s in zip(items, found, strict=True)]  # fmt: skip
        shared.print_json({"entries": rows, "together": facts(together), "processes": at_once})
        return
    from wgbench.cli.console import console

    for part in table([item.name for item in items], found, together, at_once):
        console().print(part)


@app.command()
@on_entries
def plan(
    asked: Chosen,
    gpus: Annotated[int | None, typer.Option(help="that will be there, with one process on each", min=1)] = None,
    price_per_hour: Annotated[
        float | None, typer.Option(help="of one GPU with --gpus, else of the whole machine", min=0)
    ] = None,
    board: Annotated[Path, typer.Option(help="a leaderboard whose entries say how fast others were")] = Path(
        "leaderboards"
    ),
    as_json: shared.AsJson = False,
) -> None:
    """What a suite will take before anything is run: hours, disk, money, and where each speed comes from.

    Speeds are those of runs in the store, else of the board's entries. What is done already is not counted.
    """
    from wgbench.cli.planned import facts, lines
    from wgbench.protocol import processes
    from wgbench.suite_estimate import estimates

    if gpus and asked.jobs:
        raise BadOption(f"--gpus {gpus} --jobs {asked.jobs}", "both say how many processes there are", "drop one")
    items = asked.items()
    found = estimates([item.request for item in items], board)
    at_once = gpus or asked.jobs or processes(asked.device)
    cost = None if price_per_hour is None else price_per_hour * (gpus or 1)
    if as_json:
        shared.print_json(facts([item.name for item in items], found, at_once, cost))
        return
    from wgbench.cli.console import console

    words = ["wgbench suite run", asked.suite, "--epochs 1"]
    words += [f"--only '{asked.only}'"] if asked.only else []
    words += [f"--runs {asked.store}"] if asked.store != Path("runs") else []
    for part in lines([item.name for item in items], found, at_once, cost, " ".join(words)):
        console().print(part)


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
