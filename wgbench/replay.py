"""One cell of an entry, trained again from scratch and compared with what the entry states.

The cell is that of the entry, with its whole recipe: it is stopped after some epochs, not given a shorter horizon, so
that schedules and everything else that depends on the horizon are the same. Epochs count in the last stage, the one
that is scored; earlier stages (JTT's first) are trained and compared whole, since the last one follows from them. A
cell that was trained together with others is trained together with them again.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from wgbench import algorithms, backbones, datasets, losses, runs
from wgbench.config import Cell, Plugin
from wgbench.datasets.base import Dataset
from wgbench.disk import write_whole, writing
from wgbench.drafting import cache_root, digest
from wgbench.engine import precision
from wgbench.errors import BadData, BadEntry, BadOption, MissingWeights
from wgbench.evaluation.cell_scores import cell_scores
from wgbench.launch import work
from wgbench.launch.job import Job, Progress
from wgbench.registry import Registry
from wgbench.results import identity, schema, stored
from wgbench.results.finished import read_run
from wgbench.results.limits import unusable
from wgbench.results.source import source_of
from wgbench.results.stored import SPLITS, Stored
from wgbench.results.trust import NOBODY_ELSE, Trust, require
from wgbench.results.verify import (
    VERIFIED,
    Counts,
    Ground,
    Rule,
    Verdict,
    Verification,
    Whole,
    compare,
    elsewhere,
    recorded,
)
from wgbench.types import Root


@dataclass(frozen=True)
class Wanted:
    """Which cell of which entry to train again, and how far."""

    folder: Path
    seed: int | None = None  # the entry's first
    weight_decay: float = 0.0
    epochs: int | None = 20  # None for the whole horizon
    rule: Literal["auto", "exact", "tolerance"] = "auto"
    data: Path | None = None
    weights: Path | None = None
    device: str | None = None  # the CPU if the entry is from one, else what there is
    store: Path | None = None  # a temporary one
    trust: Trust = NOBODY_ELSE  # whose code may run


@dataclass(frozen=True)
class Replay:
    """A replayed cell: the verdict, and why the rule was chosen."""

    entry: schema.Entry
    cell: Cell
    verdict: Verdict
    elsewhere: tuple[str, ...]  # what differs from where the entry was made
    epochs: int  # of the last stage
    full: bool  # the whole horizon, with scores and predictions
    revision: str | None

    def verification(self) -> Verification:
        """What a board keeps of it."""
        return Verification(
            level="full" if self.full else "replay",
            seed=self.cell.seed,
            epochs=self.epochs,
            exact=self.verdict.exact,
            revision=self.revision,
            date=datetime.now(UTC).date().isoformat(),
            files=self.entry.files,
        )


def replay(wanted: Wanted, report: Callable[[Progress], None] = lambda _: None) -> Replay:
    """Train a cell of an entry again and compare. BadEntry, BadData and others say what stands in the way."""
    entry = stored.load(wanted.folder)
    for line in unusable(entry.entry):
        raise BadEntry(f"entry {wanted.folder}", line, "run it again")
    identity.check(wanted.folder, entry.entry)
    require(entry.entry, wanted.trust, f"replaying entry {entry.entry.id}")
    cell = _cell(entry, wanted)
    _same_versions(cell)
    stop = _stop(entry, cell, wanted.epochs)
    stated = _upto(entry.counts(cell.seed, cell.weight_decay), stop)
    if not stated and entry.cell(cell.seed, cell.weight_decay).diverged_at is None:
        raise BadOption(f"--epochs {wanted.epochs}", "the entry has no scores that early", "take more epochs")
    with _store(wanted.store) as store:
        job = job_of(entry, cell, wanted, store, stop)
        work.run(job, lambda progress: report(progress) if progress.cell == cell.id else None)
        folder = runs.folder(store, cell)
        found = _upto(_counts(runs.read_lines(folder / runs.CURVES)), stop)
        environment = runs.read_json(folder / runs.CELL)["environment"]
        whole = _whole(entry, cell, store) if stop is None else None
    different = elsewhere(entry.entry.environment, environment)
    rule: Rule = wanted.rule if wanted.rule != "auto" else "tolerance" if different else "exact"
    verdict = compare(stated, found, _ground(entry, cell), rule, whole)
    epochs = stop[1] if stop else _horizon(entry, cell)
    full = stop is None and cell.weight_decay == 0
    return Replay(entry.entry, cell, verdict, tuple(different), epochs, full, environment["revision"])


def record(done: Replay, board: Path) -> Path | None:
    """Write a successful replay beside a board; None where a full one of that entry is there already."""
    path = board / VERIFIED / f"{done.entry.id}.json"
    new, old = done.verification(), recorded(board, done.entry)
    if old is not None and (old.level, new.level) == ("full", "replay"):
        return None
    with writing(path, "or record it on another board with --record"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (new.model_dump_json(indent=1) + "\n").encode())
    return path


def _cell(entry: Stored, wanted: Wanted) -> Cell:
    """The entry's cell at a seed and weight decay."""
    subject = identity.subject_of(entry.entry)
    seeds, grid = subject.protocol.seeds, subject.protocol.weight_decays
    seed = seeds[0] if wanted.seed is None else wanted.seed
    if seed not in seeds:
        raise BadOption(f"--seed {seed}", "the entry has no such seed", f"take one of {', '.join(map(str, seeds))}")
    if wanted.weight_decay not in grid:
        remedy = f"take one of {', '.join(f'{wd:g}' for wd in grid)}"
        raise BadOption(f"--wd {wanted.weight_decay:g}", "the entry has no such weight decay", remedy)
    (cell,) = (c for c in subject.cells() if (c.seed, c.weight_decay) == (seed, wanted.weight_decay))
    if entry.cell(seed, wanted.weight_decay).id != cell.id:
        raise BadEntry(f"entry {entry.folder}", f"the id of its cell for seed {seed} is another", "run it again")
    return cell


def _same_versions(cell: Cell) -> None:
    """Results of other versions of a plug-in are not comparable: that is what versions are for."""
    parts: tuple[tuple[Registry[Any], Plugin], ...] = (
        (datasets.registry, cell.dataset),
        (backbones.registry, cell.backbone),
        (algorithms.registry, cell.algorithm),
        (losses.registry, cell.loss),
    )
    for registry, plugin in parts:
        here = registry.find(plugin.name).target.version
        if here != plugin.version:
            wrong = f"the entry has version {plugin.version}, installed is version {here}"
            raise BadEntry(f"{registry.kind} {plugin.name}", wrong, "install the release that the entry names")


def _stop(entry: Stored, cell: Cell, epochs: int | None) -> tuple[int, int] | None:
    """The last stage and the epoch in it to stop after; None for the whole horizon."""
    if epochs is None or epochs >= _horizon(entry, cell):
        return None
    last = max((stage for stage, _, _ in entry.counts(cell.seed, cell.weight_decay)), default=1)
    return entry.cell(cell.seed, cell.weight_decay).stages or last, epochs


def _horizon(entry: Stored, cell: Cell) -> int:
    return entry.cell(cell.seed, cell.weight_decay).epochs or cell.recipe.epochs


def _upto(counts: Counts, stop: tuple[int, int] | None) -> Counts:
    return {place: n for place, n in counts.items() if stop is None or place[:2] <= stop}


def _counts(lines: list[dict[str, Any]]) -> Counts:
    """Correct predictions per group in the lines of a run."""
    return {(x["stage"], x["epoch"], s): x[s]["correct"] for x in lines for s in SPLITS if x[s] is not None}


def _ground(entry: Stored, cell: Cell) -> Ground:
    """Group sizes of what is scored: DFR scores a part of val."""
    stated = entry.entry.dataset
    counts: Mapping[str, Any] = {**stated.counts, **entry.cell(cell.seed, cell.weight_decay).totals}
    return Ground(stated.group_names, {split: counts[split]["total"] for split in SPLITS}, cell.mode)


def _whole(entry: Stored, cell: Cell, store: Path) -> tuple[Whole, Whole]:
    """What entry and finished run have beside counts: scores, and predictions without weight decay."""
    run, protocol = read_run(store, cell), entry.entry.protocol
    held = entry.predictions() if cell.weight_decay == 0 else {}
    ours = {m: held[f"{m}-{cell.seed}"] for m in ("early", "final", "selected") if f"{m}-{cell.seed}" in held}
    scores = entry.cell(cell.seed, cell.weight_decay).scores
    again = cell_scores(run.curves, protocol.early, protocol.last)
    return Whole(scores, ours), Whole(again, run.predictions if cell.weight_decay == 0 else {})


@contextlib.contextmanager
def _store(given: Path | None) -> Iterator[Path]:
    """Where the cell is trained: never where the entry's own runs may lie, which would be compared with themselves."""
    if given is not None:
        yield given / "replays"
        return
    with tempfile.TemporaryDirectory(prefix="wgbench-replay-") as folder:
        yield Path(folder)


def job_of(entry: Stored, cell: Cell, wanted: Wanted, store: Path, stop: tuple[int, int] | None) -> Job:
    """The cell under the circumstances of the entry, as far as this machine has them; data and weights are checked."""
    environment = entry.entry.environment
    source, _, root = data_of(entry, wanted.data)
    on_cpu = str(environment.get("device")).endswith("(CPU)")
    group = tuple(cell.beside(*one) for one in entry.cell(cell.seed, cell.weight_decay).group)
    job = Job(
        cell,
        source,
        store,
        root.cache,
        root.data,
        str(precision.device(wanted.device or ("cpu" if on_cpu else "auto"))),
        int(environment.get("threads") or 1),
        bool(environment.get("deterministic")),
        weights=_weights(cell, wanted.weights),
        stop=stop,
        group=tuple(one.id for one in group),
        others=tuple(one for one in group if one.id != cell.id),
    )
    parts = work.assemble(job)
    parts.backbone.fetch(parts.spec)
    return job


def data_of(entry: Stored, given: Path | None) -> tuple[Plugin, Dataset, Root]:
    """The data of an entry, prepared on this machine; `given` is the user's folder.

    MissingData where it is not at hand, BadData where other data is.
    """
    source, root = source_of(entry.entry.dataset, given), Root(cache_root(), given)
    dataset: Dataset = work.made(datasets.registry, source)
    dataset.prepare(root)
    here, there = dataset.fingerprint(root), entry.entry.dataset.fingerprint
    if here != there:
        wrong = f"its fingerprint is {here}, the entry's {there}"
        raise BadData(f"the data of {entry.entry.dataset.name}", wrong, "give the same files with --data-dir")
    return source, dataset, root


def _weights(cell: Cell, given: Path | None) -> Path | None:
    """The file with initial weights that the entry names by its hash."""
    if cell.weights is None:
        return None
    if given is None:
        wrong = f"it starts from a file with SHA-256 {cell.weights[:16]}..."
        raise MissingWeights(f"cell {cell.id}", wrong, "give it: --weights FILE")
    if digest(given) != cell.weights:
        raise MissingWeights(
            f"--weights {given}", "not the file that the entry names", f"its SHA-256 is {cell.weights}"
        )
    return given
