"""`wgbench data`: what there is to train on, getting it, checking it, looking at it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgbench.cli import shared
from wgbench.errors import BadData, DownloadFailed, MissingData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgbench.datasets.base import Dataset
    from wgbench.types import Root, Split

app = typer.Typer(help="Datasets: list, get, verify, show.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="`wgbench data ls`")]


@app.command("ls")
def list_all(as_json: shared.AsJson = False) -> None:
    """List datasets: what they are, how many examples, under which licence."""
    from wgbench import datasets

    rows = [_listed(name) for name in datasets.names()]
    if as_json:
        shared.print_json(rows)
        return
    from rich.table import Table

    from wgbench.cli.console import console

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("name", "kind", "train / val / test", "groups", "licence"):
        table.add_column(column, overflow="fold")
    for row in rows:
        if "summary" in row:
            table.add_row(row["name"], "", row["summary"], "", "")
        else:
            sizes = " / ".join(f"{n:,}" for n in row["sizes"].values())
            table.add_row(row["name"], row["modality"], sizes, str(len(row["group_names"])), row["licence"])
    console().print(table)


def _listed(name: str) -> dict[str, Any]:
    """What a dataset is, as JSON holds it; of those that take a name of the user's, what they are for."""
    from wgbench import datasets

    if ":" in name:
        return {"name": name, "summary": datasets.registry.listing(name).summary}
    cls: Any = datasets.registry.find(name).target
    sizes = cls.sizes or {split: sum(n) for split, n in cls.counts.items()}
    return {
        "name": name,
        "modality": cls.modality,
        "sizes": dict(sizes),
        "group_names": list(cls.group_names),
        "licence": cls.licence,
    }


@app.command()
def get(name: Name, data_dir: shared.DataDir = None, settings: shared.OfDataset = None) -> None:
    """Download, or find in your folder; check, and convert once."""
    dataset, root = _prepared(name, data_dir, settings)
    typer.echo(f"{name} is ready, fingerprint {dataset.fingerprint(root)}")


@app.command()
def verify(name: Name, data_dir: shared.DataDir = None, settings: shared.OfDataset = None) -> None:
    """Check checksums and counts, decode a sample again, and look into examples of every split; downloads nothing."""
    from wgbench import network

    try:
        with network.closed():
            dataset, root = _prepared(name, data_dir, settings)
    except DownloadFailed:
        raise MissingData(f"verify {name}", "nothing of it is here", f"get it: `wgbench data get {name}`") from None
    splits = _splits(dataset, root)
    _verify_files(name, dataset, root)
    _verify_store(splits)
    for which, split in splits.items():
        for row in range(0, len(split), max(1, len(split) // 20)):
            if split.x[row].numel() == 0:
                raise BadData(f"{name} {which}", f"example {row} is empty", "get the data again")
    _groups(dataset, splits)
    typer.echo(f"{name} is as it should be, fingerprint {dataset.fingerprint(root)}")


@app.command()
def show(
    name: Name,
    data_dir: shared.DataDir = None,
    settings: shared.OfDataset = None,
    out: Annotated[Path | None, typer.Option(help="the picture's file; NAME.png if left out")] = None,
    split: Annotated[str, typer.Option(help="train, val or test")] = "train",
    per_group: Annotated[int, typer.Option(help="examples of each group", min=1, max=100)] = 8,
) -> None:
    """Draw a sheet of examples per group, and print the group table."""
    from wgbench.datasets.base import SPLITS
    from wgbench.errors import BadOption

    dataset, root = _made(name, data_dir, settings)
    if out is not None and dataset.modality != "image":
        raise BadOption(f"--out {out}", f"{name} has no pictures to draw", "leave --out out: examples are printed")
    dataset.prepare(root)
    splits = _splits(dataset, root)
    if split not in splits:
        raise BadOption(f"--split {split}", "no such split", f"write one of {', '.join(splits)}")
    _groups(dataset, splits)
    if dataset.modality != "image":
        texts = dataset.texts(root, SPLITS[list(splits).index(split)]) if dataset.modality == "text" else None
        _rows(dataset, splits[split], per_group, texts)
        return
    from wgbench.config import slug
    from wgbench.datasets.sheet import sheet
    from wgbench.disk import writing

    path = out or Path(f"{slug(name)}.png")
    with writing(path, "or name another file with --out"):
        sheet(splits[split], dataset.group_names, per_group).save(path, format="PNG")
    typer.echo(f"wrote {path}")


def _prepared(name: str, data_dir: Path | None, settings: list[str] | None) -> "tuple[Dataset, Root]":
    dataset, root = _made(name, data_dir, settings)
    dataset.prepare(root)
    return dataset, root


def _made(name: str, data_dir: Path | None, settings: list[str] | None) -> "tuple[Dataset, Root]":
    from wgbench import datasets
    from wgbench.cli.values import parsed
    from wgbench.drafting import cache_root
    from wgbench.types import Root

    # As `run` writes them, or without the prefix: there is nothing but the dataset here.
    options = {key.removeprefix("dataset."): value for key, value in parsed(settings or []).items()}
    dataset = datasets.make(name, **options)
    return dataset, Root(cache_root(), data_dir)


def _splits(dataset: "Dataset", root: "Root") -> "dict[str, Split]":
    from wgbench.datasets.base import SPLITS
    from wgbench.types import Preprocess

    return {s: dataset.load(root, s, Preprocess()) for s in SPLITS}


def _groups(dataset: "Dataset", splits: "dict[str, Split]") -> None:
    from rich.table import Table

    from wgbench.cli.console import console

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("group")
    for name in splits:
        table.add_column(name, justify="right")
    for g, group in enumerate(dataset.group_names):
        table.add_row(group, *(f"{int(s.columns[:, g].sum()):,}" for s in splits.values()))
    table.add_row("all", *(f"{len(s):,}" for s in splits.values()), style="bold")
    console().print(table)


def _verify_files(name: str, dataset: "Dataset", root: "Root") -> None:
    """The published files at hand against their checksums, whoever fetched them."""
    from wgbench.datasets.download import digest

    for file, path in dataset.published(root).items():
        for algorithm, sums in (("sha256", dataset.sha256), ("md5", dataset.md5)):
            if file in sums and digest(path, algorithm) != sums[file]:
                wrong = f"its {algorithm} is not the published {sums[file]}"
                raise BadData(f"{name}, {path}", wrong, f"get it again from {dataset.source}")


def _verify_store(splits: "dict[str, Split]") -> None:
    """Decoded images against their manifest and sources, once for splits that share a store."""
    from wgbench.datasets.store import verify
    from wgbench.types import Ragged

    for images in {s.x.store: s.x for s in splits.values() if isinstance(s.x, Ragged)}.values():
        verify(images)


def _rows(dataset: "Dataset", split: "Split", per_group: int, texts: "Sequence[tuple[str, str | None]] | None") -> None:
    """Examples of a text as they are written, of a table as numbers."""
    for g, group in enumerate(dataset.group_names):
        for row in split.columns[:, g].nonzero()[:per_group, 0].tolist():
            if texts is not None:
                shown = " | ".join(" ".join(part.split())[:100] for part in texts[row] if part)
            else:
                shown = " ".join(f"{v:g}" for v in split.x[row].flatten()[:12].tolist())
            typer.echo(f"{group}  {dataset.classes[int(split.label[row])]}  {shown}")
