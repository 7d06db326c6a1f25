"""`wgbench score`: the scores for somebody's own training loop."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from wgbench.cli import shared
from wgbench.errors import BadOption

if TYPE_CHECKING:
    from rich.table import Table

    from wgbench.config import Plugin
    from wgbench.evaluation.scores import Score
    from wgbench.results.predictions import Scored, Truth
    from wgbench.results.stored import Stored

Moment = Literal["final", "early", "selected"]


def score(
    predictions: Annotated[Path, typer.Argument(help="a CSV file: index, prediction, and perhaps seed and epoch")],
    dataset: Annotated[str | None, typer.Option(help="`wgbench ls datasets`")] = None,
    settings: shared.OfDataset = None,
    data_dir: shared.DataDir = None,
    split: Annotated[Literal["test", "val", "train"], typer.Option(help="what was predicted")] = "test",
    from_entry: Annotated[
        Path | None, typer.Option(help="first write the file, from the predictions of this entry")
    ] = None,
    moment: Annotated[Moment, typer.Option(help="which of the entry's predictions")] = "final",
    as_json: shared.AsJson = False,
) -> None:
    """Score predicted classes: accuracy per group, worst-group accuracy, averages; over seeds and epochs if given.

    The file is a CSV with a row per example, in any order: `index` (the row in the split, from 0) and `prediction` (a
    class's name or id), and where there are several, `seed` and `epoch` (from 1). With epochs the means over epochs
    11-20 and over the last ten are scores too.
    """
    from wgbench.results import predictions as predicted
    from wgbench.results import stored

    entry = stored.load(from_entry) if from_entry else None
    if entry and split != "test":
        raise BadOption(f"--split {split}", "entries hold predictions of test alone", "leave --split out")
    truth = _truth(_source(dataset, settings or [], entry, data_dir), data_dir, split)
    if entry:
        predicted.write_csv(predictions, entry.at(moment), truth.classes)
    found, epochs = predicted.read_csv(predictions, truth)
    scored = predicted.score(found, truth, epochs=epochs)
    if as_json:
        typer.echo(scored.model_dump_json(indent=1))
        return
    from wgbench.cli.console import console

    out = console()
    out.print(_table(scored, f"{predictions.name}: {split} of {dataset or (entry and entry.entry.dataset.name)}"))
    missing = [name for name, value in scored.scores.items() if value is None]
    if missing:
        out.print(f"note: not every epoch of the window is there for {', '.join(missing)}", soft_wrap=True)


def _source(name: str | None, settings: list[str], entry: "Stored | None", data_dir: Path | None) -> "Plugin":
    """The dataset as asked for, or that of the entry."""
    from wgbench.cli.values import parsed
    from wgbench.config import Plugin
    from wgbench.results.source import source_of

    if name is not None:
        return Plugin(name=name, version=0, options=parsed(settings))
    if entry is None:
        raise BadOption("wgbench score", "nothing says which data was predicted", "write --dataset NAME")
    return source_of(entry.entry.dataset, data_dir)


def _truth(source: "Plugin", data_dir: Path | None, split: str) -> "Truth":
    from wgbench import datasets
    from wgbench.drafting import cache_root
    from wgbench.launch.work import made
    from wgbench.results.predictions import Truth
    from wgbench.types import Preprocess, Root

    dataset, root = made(datasets.registry, source), Root(cache_root(), data_dir)
    dataset.prepare(root)
    chosen, train = (dataset.load(root, which, Preprocess()) for which in (split, "train"))
    total = train.columns.sum(0).numpy()
    return Truth(chosen.label.numpy(), chosen.columns.numpy(), dataset.classes, dataset.group_names, total)


def _table(scored: "Scored", title: str) -> "Table":
    from rich.table import Table

    n, last = len(scored.seeds), scored.epochs
    seeds = f", {n} seeds" if n > 1 else ""
    table = Table(title=f"{title}{seeds}{f', epoch {last}' if last else ''}, %", title_justify="left")
    for column in ("score", "mean", "95 % over seeds", "95 % over examples"):
        table.add_column(column, justify="left" if column == "score" else "right")
    for name, value in scored.groups.items():
        table.add_row(f"group {name}", *_shown(value))
    table.add_section()
    for name, value in scored.scores.items():
        table.add_row(name, *_shown(value))
    return table


def _shown(value: "Score | None") -> tuple[str, str, str]:
    if value is None:
        return "-", "", ""
    over_seeds = "" if value.low is None or value.high is None else _interval(value.low, value.high)
    return f"{100 * value.mean:.2f}", over_seeds, _interval(*value.bootstrap) if value.bootstrap else ""


def _interval(low: float, high: float) -> str:
    return f"[{100 * low:.1f}, {100 * high:.1f}]"
