"""The benchmark's engine on a theorem's problem: what the lab's own loops are compared with."""

import torch
from torch import Tensor, nn

from wgbench import algorithms
from wgbench.backbones.base import Backbone
from wgbench.config import Cell, Mode, Plugin, Recipe
from wgbench.engine.fit import train as train_cell
from wgbench.engine.prepared import Parts
from wgbench.engine.sink import START, Checkpoint, Line, Moment, Tensors
from wgbench.engine.state import load_module, under
from wgbench.losses import make as make_loss
from wgbench.options import dump
from wgbench.theory.problems import Problem
from wgbench.types import Spec, Split


class Nowhere:
    """A sink that keeps nothing but the end."""

    def __init__(self) -> None:
        self.end: Tensors = {}

    def moments(self) -> set[Moment]:
        """The start alone."""
        return {START}

    def resume(self, at: Moment) -> Checkpoint | None:  # noqa: ARG002
        """Nothing was interrupted."""
        return None

    def finished_stage(self, stage: int) -> Checkpoint | None:  # noqa: ARG002
        """Nothing was finished before."""
        return None

    def epoch(self, line: Line) -> None:
        """Dropped."""

    def due(self) -> bool:
        """Never time to save."""
        return False

    def save(self, checkpoint: Checkpoint) -> None:
        """Dropped."""

    def stage_done(self, end: Checkpoint) -> None:
        """The networks at the end of the last stage."""
        self.end = under("networks", end.tensors)


def trained(
    backbone: Backbone, algorithm: str, problem: Problem, *, lr: float, steps: int, seed: int = 1, mu: float = 0.0
) -> Tensor:
    """Test outputs (m,) on the first draw of the problem, after steps of full-batch descent by the engine.

    One output, squared loss, no momentum, float64: an epoch is one step. `mu` is the penalty of Eq. 12.
    """
    train = problem.split
    x, x_test = (_unprepared(points[0], backbone) for points in (problem.x, problem.x_test))
    group = torch.arange(len(x_test)) % train.n_groups
    test = Split(x_test, group // 2, group, train.n_classes, train.n_groups)
    method = algorithms.make(algorithm)
    cell = Cell(
        dataset=Plugin(name="theory", version=1),
        backbone=Plugin(name=type(backbone).__name__, version=backbone.version, options=dump(backbone)),
        algorithm=Plugin(name=algorithm, version=method.version, options=dump(method)),
        loss=Plugin(name="squared", version=1),
        recipe=Recipe(epochs=steps, batch_size=len(train), lr=lr, momentum=0.0, l2_to_init=mu, loss="squared"),
        seed=seed,
        mode=Mode(precision="fp64"),
    )
    splits = {"train": Split(x, train.label, train.group, train.n_classes, train.n_groups), "val": test, "test": test}
    parts = Parts(method, backbone, make_loss("squared"), splits, Spec(tuple(x.shape[1:]), 1))
    sink = Nowhere()
    train_cell(cell, parts, torch.device("cpu"), sink)
    networks = nn.ModuleList([backbone.build(parts.spec).double()])
    load_module(networks, sink.end)
    with torch.no_grad():
        out: Tensor = networks[0].eval()(problem.x_test[0])
    return out[:, 0]


def _unprepared(x: Tensor, backbone: Backbone) -> Tensor:
    """Points such that the engine, which normalises images, hands `x` to the network."""
    if x.dim() != 4:
        return x
    wanted = backbone.preprocess()
    return x * wanted.std[0] + wanted.mean[0]
