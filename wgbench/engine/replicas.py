"""Cells that differ in seed and weight decay, trained together, stage by stage.

Algorithms say what their stages are by calling `fit`. Here that call cannot train at once: it takes the stages of all
cells to train one. So `run` of every cell is left at the first stage that is not trained yet; those stages are trained
together; then `run` is called again, and finds them. A resumed cell does the same with stages that lie on disk.

All cells are at the same epoch at any time, and save at the same moments. One that diverges leaves the stack as it is
and waits for the others.
"""

import contextlib
import json
import time
from collections.abc import Sequence

import torch

from wgbench.algorithms.base import Algorithm
from wgbench.config import Cell
from wgbench.engine.fit import Fitter, Outcome
from wgbench.engine.prepared import Parts, prepared
from wgbench.engine.sink import Checkpoint, Sink
from wgbench.engine.stack import Stack
from wgbench.engine.stage import Stage


class Waiting(BaseException):
    """A stage has to be trained before its cell's algorithm can go on. No error, and not to be caught as one."""


class Replica(Fitter):
    """`fit` of one cell among others."""

    waiting: Stage
    saved: Checkpoint | None  # where to go on in it

    def train(self, stage: Stage, resumed: Checkpoint | None) -> None:
        """Leave the algorithm, to come back when the stage is trained."""
        self.waiting, self.saved = stage, resumed
        raise Waiting


def train(cells: Sequence[Cell], parts: Parts, device: torch.device, sinks: Sequence[Sink]) -> list[Outcome]:
    """Run all stages of all cells, from the last moment that all of them can go back to."""
    at = max(set.intersection(*(sink.moments() for sink in sinks)))
    ready = prepared(cells[0], parts, device)
    replicas = [Replica(c, parts, ready, device, s, s.resume(at)) for c, s in zip(cells, sinks, strict=True)]
    outcomes: dict[Replica, Outcome] = {}
    while waiting := [r for r in replicas if r not in outcomes]:
        for replica in waiting:
            with contextlib.suppress(Waiting):
                outcomes[replica] = replica.outcome()
        for alike in _alike([r for r in waiting if r not in outcomes]):
            together(alike)
    return [outcomes[replica] for replica in replicas]


def together(replicas: Sequence[Replica]) -> None:
    """Train the stages that these cells wait for, in step."""
    stages, sinks, done = [r.waiting for r in replicas], [r.sink for r in replicas], 0
    for replica in replicas:
        if replica.saved is not None:
            replica.waiting.load(replica.saved)
            done = replica.saved.epoch
    stack = None
    for epoch in range(done + 1, stages[0].recipe.epochs + 1):
        training = [i for i, stage in enumerate(stages) if stage.diverged_at is None]
        if not training:
            break
        if stack is None or len(stack.stages) != len(training):
            stack = Stack([stages[i] for i in training])
        started = time.perf_counter()
        weights = stack.train(epoch)
        share = (time.perf_counter() - started) / len(training)
        for i, seen, counted in zip(training, weights, stack.evaluate(epoch), strict=True):
            stages[i].close(epoch, seen, share, sinks[i], counted)
        if sinks[0].due():
            for stage, sink in zip(stages, sinks, strict=True):
                sink.save(stage.checkpoint(epoch))
    for replica in replicas:
        replica.sink.stage_done(replica.waiting.checkpoint(replica.waiting.recipe.epochs))
        replica.trained[replica.waiting.number] = replica.waiting


def _alike(replicas: Sequence[Replica]) -> list[list[Replica]]:
    """Those whose next stages differ in seed and weight decay alone: nearly always all."""
    found: dict[object, list[Replica]] = {}
    for replica in replicas:
        stage = replica.waiting
        recipe = stage.recipe.model_copy(update={"weight_decay": 0.0}).canonical()
        found.setdefault((stage.number, stage.steps, recipe, _rule(stage.algorithm)), []).append(replica)
    return list(found.values())


def _rule(algorithm: Algorithm) -> object:
    """What tells algorithms apart: their class and plain options; one with others, tensors say, is like no other."""
    try:
        return type(algorithm), json.dumps(vars(algorithm), sort_keys=True)
    except TypeError:
        return id(algorithm)
