"""Cells, from their specification to finished run folders: what every launcher makes a worker do."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch

from wgbench import algorithms, backbones, datasets, leaving, losses, runs
from wgbench.config import Cell, Plugin
from wgbench.datasets.base import SPLITS
from wgbench.engine import fit, precision, replicas
from wgbench.engine.prepared import Parts
from wgbench.engine.sink import Line
from wgbench.errors import AlgorithmFailed, BadOption, DeviceFailed
from wgbench.launch.environment import environment
from wgbench.launch.job import Job, Progress
from wgbench.registry import Registry
from wgbench.types import Preprocess, Root, Spec, Split, Tokens

Report = Callable[[Progress], None]
Totals = Mapping[str, tuple[Sequence[int], int]]  # split -> examples per group, and in all
OUT_OF_MEMORY = re.compile("can't allocate memory|out of memory|bad_alloc", re.IGNORECASE)


def run(job: Job, report: Report = lambda _: None) -> None:
    """Train cells that are not finished yet, to their end or to where the job stops.

    Holds the run folders' locks; a second process waits for the first. A stopped cell stays unfinished, as if it had
    been interrupted: its schedule and everything else are those of the whole horizon.
    """
    folders = [
        runs.RunFolder(runs.folder(job.store, cell), cell, every=job.checkpoint_every, stop=job.stop)
        for cell in job.cells
    ]
    with contextlib.ExitStack() as held:
        for folder in sorted(folders, key=lambda folder: folder.path):  # in one order: no two processes wait in a ring
            held.enter_context(folder.locked())
        todo = [f for f in folders if not (runs.finished(f.path) or (job.may_fail and runs.failed(f.path)))]
        if todo:
            with _memory(job):
                _run(job, todo, report)


@contextlib.contextmanager
def _memory(job: Job) -> Iterator[None]:
    """Say what to do where there is too little of it; nothing is changed of the user's own."""
    try:
        yield
    except (MemoryError, RuntimeError) as problem:
        if not isinstance(problem, MemoryError | torch.OutOfMemoryError) and not OUT_OF_MEMORY.search(str(problem)):
            raise
        remedy = "take --precision bf16, a smaller --jobs, --device cpu, or a smaller --set recipe.batch_size"
        raise DeviceFailed(f"cell {job.cell.id} on {job.device}", "out of memory", remedy) from None


def _run(job: Job, folders: Sequence[runs.RunFolder], report: Report) -> None:
    device, cells = torch.device(job.device), [folder.cell for folder in folders]
    precision.prepare(job.cell.mode, job.threads, job.deterministic)
    parts = assemble(job)
    if device.type == "cpu" and parts.backbone.convolutional and job.cell.mode.pipeline == "fast":
        precision.keep_freed_memory()
    surroundings, group = environment(device, job.threads, job.deterministic), _group(job, folders)
    totals: Totals = {name: (split.columns.sum(0).tolist(), len(split)) for name, split in parts.splits.items()}
    for folder in folders:
        if runs.group(folder.path) not in (None, group):
            folder.forget()  # rounding may differ in other company: going on, it would be neither the one nor the other
        folder.begin(surroundings, group)
        folder.listeners.append(lambda line, folder=folder: report(_progress(folder, line, totals)))  # type: ignore[misc]
        folder.last = folder is folders[-1]
    started = time.perf_counter()
    try:
        with leaving.training():
            if job.cell.mode.vectorized:
                outcomes = replicas.train(cells, parts, device, folders)
            else:
                outcomes = [fit.train(cell, parts, device, f) for cell, f in zip(cells, folders, strict=True)]
    except runs.Stopped:
        return
    except AlgorithmFailed as problem:
        if not job.may_fail:
            raise
        for folder in folders:
            folder.fail(str(problem))
        return
    seconds = (time.perf_counter() - started) / len(folders)
    for folder, outcome in zip(folders, outcomes, strict=True):
        predictions = {name: p.numpy() for name, p in outcome.predictions.items()}
        folder.finish({**outcome.info, "totals": outcome.totals, "seconds": seconds}, predictions, job.keep)


def _group(job: Job, folders: Sequence[runs.RunFolder]) -> runs.Group:
    """The cells of one program: those that are trained now, or those of an attempt that some of them have ended."""
    if not job.cell.mode.vectorized:
        return ()
    group = tuple((folder.cell.seed, folder.cell.weight_decay) for folder in folders)
    begun = {runs.group(folder.path) for folder in folders}
    earlier = begun.pop() or () if len(begun) == 1 else ()
    gone = [runs.folder(job.store, job.cell.beside(*one)) for one in earlier if one not in group]
    ended = all(runs.finished(path) and runs.group(path) == earlier for path in gone)
    return earlier if set(group) <= set(earlier) and ended else group


def assemble(job: Job) -> Parts:
    """Make the plug-ins of a cell and load its data."""
    cell = job.cell
    backbone = made(backbones.registry, cell.backbone)
    splits = _splits(job.dataset.model_dump_json(), Root(job.cache, job.data), backbone.preprocess())
    train = splits["train"]
    spec = Spec(shape_of(train, cell), train.n_classes, cell.recipe.pretrained, job.weights)
    return Parts(
        made(algorithms.registry, cell.algorithm), backbone, made(losses.registry, cell.loss), splits, spec, job.cache
    )


def shape_of(split: Split, cell: Cell) -> tuple[int, ...]:
    """Shape of one input of the network, channels first; of texts, the length of the longest."""
    x, views = split.x, cell.recipe.views
    if isinstance(x, Tokens):
        return (int(x.length.max()),)
    if views is not None:
        return (x.shape[3] if isinstance(x, torch.Tensor) else x.channels, views.size, views.size)
    if not isinstance(x, torch.Tensor):
        raise BadOption("recipe.views=null", "images of different sizes need views", "keep the dataset's recipe.views")
    shape = tuple(x.shape[1:])
    return (shape[2], shape[0], shape[1]) if x.dtype == torch.uint8 else shape


def made(registry: Registry[Any], plugin: Plugin) -> Any:
    """The plug-in of a record: what its name carries is not given a second time."""
    name, given = plugin.name, plugin.options
    row = registry.info(name)
    takes = row.name.partition(":")[2].strip("<>")
    return registry.make(name, **{k: v for k, v in given.items() if k != takes})


@lru_cache(maxsize=1)
def _splits(dataset: str, root: Root, preprocess: Preprocess) -> Mapping[str, Split]:
    """All splits of a dataset: loaded once for a queue of cells."""
    source = made(datasets.registry, Plugin.model_validate_json(dataset))
    source.prepare(root)
    return {name: source.load(root, name, preprocess) for name in SPLITS}


def _progress(folder: runs.RunFolder, line: Line, totals: Totals) -> Progress:
    cell, seconds = folder.cell, line["seconds"]["train"] + line["seconds"]["eval"]
    record = {name: value for split in SPLITS for name, value in _record(split, line[split], *totals[split])}
    worst = record.get("test/worst_group")
    note = _note(folder, line)
    return Progress(cell.id, line["stage"], line["epoch"], cell.recipe.epochs, seconds, worst, record, note)


def _record(split: str, counts: Mapping[str, Any] | None, total: Sequence[int], n: int) -> Iterator[tuple[str, float]]:
    """Accuracies and mean loss on one split by name; nothing where it was not scored."""
    if counts is None:
        return
    groups = {i: c / t for i, (c, t) in enumerate(zip(counts["correct"], total, strict=True)) if t}
    yield f"{split}/accuracy", counts["acc_correct"] / n
    yield f"{split}/worst_group", min(groups.values())
    yield from ((f"{split}/accuracy/group{i}", accuracy) for i, accuracy in groups.items())
    if counts["acc_loss"] is not None:
        yield f"{split}/loss", counts["acc_loss"] / n


def _note(folder: runs.RunFolder, line: Line) -> str:
    """Said once, with the first line after it: what could not be gone on from."""
    if not folder.damaged:
        return ""
    names, folder.damaged = ", ".join(folder.damaged), []
    where = f"after epoch {line['epoch'] - 1} of stage {line['stage']}" if line["epoch"] > 1 else "from the start"
    where += f" of stage {line['stage']}" if line["epoch"] == 1 and line["stage"] > 1 else ""
    return f"cell {folder.cell.id}: {names} damaged, or the curves before: training went on {where}"
