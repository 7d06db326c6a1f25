"""One cell, from its specification to a finished run folder: what every launcher makes a worker do."""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch

from wgbench import algorithms, backbones, datasets, losses, runs
from wgbench.config import Cell, Plugin
from wgbench.datasets.base import SPLITS
from wgbench.engine import fit, precision
from wgbench.engine.sink import Line
from wgbench.errors import AlgorithmFailed, BadOption, DeviceFailed
from wgbench.launch.environment import environment
from wgbench.launch.job import Job, Progress
from wgbench.registry import Registry
from wgbench.types import Preprocess, Root, Spec, Split, Tokens

Report = Callable[[Progress], None]


class Stopped(Exception):
    """The epoch at which a job was to stop has ended."""


def run(job: Job, report: Report = lambda _: None) -> None:
    """Train a cell that is not finished yet, to its end or to where the job stops.

    Holds the run folder's lock; a second process waits for the first. A stopped cell stays unfinished, as if it had
    been interrupted: its schedule and everything else are those of the whole horizon.
    """
    folder = runs.RunFolder(runs.folder(job.store, job.cell), job.cell, every=job.checkpoint_every)
    with folder.locked():
        if runs.finished(folder.path) or (job.may_fail and runs.failed(folder.path)):
            return
        device = torch.device(job.device)
        precision.prepare(job.cell.mode, job.threads, job.deterministic)
        parts = assemble(job)
        surroundings = environment(device, job.threads, job.deterministic)
        folder.begin(surroundings)
        total = parts.splits["test"].columns.sum(0).tolist()
        folder.listeners += [lambda line: report(_progress(job.cell, line, total)), lambda line: _stop(job, line)]
        started = time.perf_counter()
        try:
            outcome = fit.train(job.cell, parts, device, folder)
        except Stopped:
            return
        except AlgorithmFailed as problem:
            if not job.may_fail:
                raise
            folder.fail(str(problem))
            return
        except torch.OutOfMemoryError:
            remedy = "take a smaller --set recipe.batch_size, --precision bf16, a smaller --jobs, or --device cpu"
            raise DeviceFailed(f"cell {job.cell.id} on {job.device}", "out of memory", remedy) from None
        seconds = time.perf_counter() - started
        predictions = {name: p.numpy() for name, p in outcome.predictions.items()}
        folder.finish({**outcome.info, "totals": outcome.totals, "seconds": seconds}, predictions, job.keep)


def assemble(job: Job) -> fit.Parts:
    """Make the plug-ins of a cell and load its data."""
    cell = job.cell
    backbone = made(backbones.registry, cell.backbone)
    splits = _splits(job.dataset.model_dump_json(), Root(job.cache, job.data), backbone.preprocess())
    train = splits["train"]
    spec = Spec(shape_of(train, cell), train.n_classes, cell.recipe.pretrained, job.weights)
    return fit.Parts(
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


def _stop(job: Job, line: Line) -> None:
    if job.stop is not None and (line["stage"], line["epoch"]) >= job.stop:
        raise Stopped


def _progress(cell: Cell, line: Line, total: list[int]) -> Progress:
    scored = line["test"] is not None
    worst = min(c / n for c, n in zip(line["test"]["correct"], total, strict=True) if n) if scored else None
    seconds = line["seconds"]["train"] + line["seconds"]["eval"]
    return Progress(cell.id, line["stage"], line["epoch"], cell.recipe.epochs, seconds, worst)
