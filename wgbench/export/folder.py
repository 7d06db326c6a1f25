"""Everything that is exported of an entry, in one folder."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import pandas as pd

from wgbench import runs
from wgbench.config import Cell
from wgbench.disk import write_whole, writing
from wgbench.errors import BadEntry, BadOption, MissingData
from wgbench.export import examples, holders, models
from wgbench.export.card import card
from wgbench.launch.job import Progress
from wgbench.launch.work import shape_of
from wgbench.replay import Wanted
from wgbench.results import stored
from wgbench.results.stored import Stored
from wgbench.results.trust import NOBODY_ELSE, Trust, require
from wgbench.types import Split

CARD = "README.md"
OUT = Path("export")  # with a folder for each entry


@dataclass(frozen=True)
class Export:
    """What to write of which entry."""

    folder: Path
    out: Path | None = None  # export/<entry id>
    seeds: tuple[int, ...] | None = None  # all of the entry's
    weight_decays: tuple[float, ...] = (0.0,)
    store: Path | None = None  # where the runs lie; beside the entry
    data: Path | None = None
    weights: Path | None = None
    device: str | None = None
    train: bool = False
    format: Literal["csv", "parquet"] = "csv"
    trust: Trust = NOBODY_ELSE  # whose code may run


@dataclass(frozen=True)
class Written:
    """The files, and what could not be exported, in words."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def write(wanted: Export, report: Callable[[Cell, Progress], None] = lambda *_: None) -> Written:
    """Write networks, predictions and the card; the card last. BadOption where another entry's export lies there."""
    entry, notes = stored.load(wanted.folder), list[str]()
    out = wanted.out or OUT / entry.entry.id
    _check_free(out, entry.entry.id)
    require(entry.entry, wanted.trust, f"exporting entry {entry.entry.id}")
    cells = _cells(entry, wanted)
    split, missing = _split(entry, wanted)
    notes += missing
    finals = [f for cell in cells if (f := _final(entry, cell, wanted, report)) is not None]
    if len(finals) < len(cells):
        lost = ", ".join(f"{c.seed}" for c in cells if c not in [f.cell for f in finals])
        notes.append(f"no networks of seeds {lost}: add --train to train them again, or run with --keep next time")
    shape = shape_of(split, cells[0]) if split is not None else None
    facts = {"entry": entry.entry.id, "classes": entry.entry.dataset.classes, "shape": shape}
    contents = {f.file: f.content(facts | {"cell": f.cell.model_dump(mode="json")}) for f in finals}
    predictions = f"predictions.{wanted.format}" if entry.predictions() else ""
    if predictions:
        contents[predictions] = _bytes(examples.table(entry, split), wanted.format)
    contents[CARD] = card(entry, finals, shape, predictions).encode()
    with writing(out, "or choose another folder with --out"):
        out.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            write_whole(out / name, content)
    return Written(tuple(out / name for name in contents), tuple(notes))


def _check_free(out: Path, entry: str) -> None:
    """A card describes the networks beside it: nothing of another entry's may lie there."""
    if others := [whose for whose in holders.of(out, CARD) if whose != entry]:
        wrong = f"there is {f'the export of entry {others[0]}' if others[0] else f'a {CARD} that is no card'}"
        raise BadOption(f"exporting entry {entry} to {out}", wrong, "choose another folder with --out")


def _cells(entry: Stored, wanted: Export) -> list[Cell]:
    """The cells to export the networks of; BadOption where the entry has no such."""
    protocol = entry.entry.protocol
    for option, given, known in (
        ("--seeds", wanted.seeds or (), protocol.seeds),
        ("--wd", wanted.weight_decays, protocol.weight_decays),
    ):
        if strange := [x for x in given if x not in known]:
            remedy = f"take one of {', '.join(f'{x:g}' for x in known)}"
            raise BadOption(f"{option} {strange[0]:g}", "the entry has no such run", remedy)
    return models.cells(entry, wanted.seeds or protocol.seeds, wanted.weight_decays)


def _split(entry: Stored, wanted: Export) -> tuple[Split | None, list[str]]:
    try:
        return examples.test_split(entry, wanted.data), []
    except MissingData as problem:
        return None, [f"predictions without labels and groups: {problem}"]


def _final(entry: Stored, cell: Cell, wanted: Export, report: Callable[[Cell, Progress], None]) -> models.Final | None:
    store = wanted.store or wanted.folder.resolve().parents[1]
    found = models.kept(entry, cell, store)
    if found is not None and not found.exact:
        where = runs.folder(store, cell)
        raise BadEntry(f"exporting {where}", "its network is another than the entry's", "delete it, or add --runs")
    if found is None and wanted.train:
        again = Wanted(
            wanted.folder, cell.seed, cell.weight_decay, None, "auto", wanted.data, wanted.weights, wanted.device
        )
        return models.trained(entry, cell, again, lambda progress: report(cell, progress))
    return found


def _bytes(table: pd.DataFrame, kind: str) -> bytes:
    sink = BytesIO()
    table.to_csv(sink, index=False) if kind == "csv" else table.to_parquet(sink, index=False)
    return sink.getvalue()
