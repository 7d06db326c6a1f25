"""All stages of one cell, from initial weights to an outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from wgbench.algorithms import base
from wgbench.backbones.base import Network
from wgbench.config import Cell, replaced
from wgbench.engine import precision, stream
from wgbench.engine.prepared import Parts, Prepared, prepared
from wgbench.engine.sink import Checkpoint, Sink
from wgbench.engine.stage import Stage
from wgbench.engine.state import load_module
from wgbench.engine.step import features_of, logits_of
from wgbench.engine.stream import For
from wgbench.errors import AlgorithmFailed
from wgbench.types import Data, Sampling, Split


@dataclass(frozen=True)
class Outcome:
    """What a cell ends with, beside its curves."""

    totals: dict[str, Any]  # split -> examples per group, per class and in all
    info: dict[str, Any]  # JSON values
    predictions: dict[str, Tensor]  # class per test example, at the epochs that `info` names


def train(cell: Cell, parts: Parts, device: torch.device, sink: Sink) -> Outcome:
    """Run all stages of a cell. A divergence is an outcome, not an error."""
    resumed = sink.resume(max(sink.moments()))
    return Fitter(cell, parts, prepared(cell, parts, device), device, sink, resumed).outcome()


class Trained:
    """A network at the end of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def logits(self, split: Split) -> Tensor:
        """Logits on the evaluation views of one of the cell's splits, (N, C)."""
        return logits_of(self.network, self.stage.prepared.inputs_of(split), self.stage.cell.mode)

    def features(self, split: Split) -> Tensor:
        """Input of the head on the evaluation views of one of the cell's splits, (N, D)."""
        return features_of(self.network, self.stage.prepared.inputs_of(split), self.stage.cell.mode)

    def recorded(self, name: str) -> Tensor:
        """What the stage was asked to record."""
        return self.stage.recorded[name]

    @property
    def network(self) -> Network:
        """The last member: the result."""
        return self.stage.network


class Fitter:
    """`fit` as algorithms see it: each call trains the next stage of the cell."""

    def __init__(
        self,
        cell: Cell,
        parts: Parts,
        prepared: Prepared,
        device: torch.device,
        sink: Sink,
        resumed: Checkpoint | None,
    ) -> None:
        self.cell, self.parts, self.prepared, self.device, self.sink = cell, parts, prepared, device, sink
        self.resumed = resumed
        self.stages = 0
        self.trained: dict[int, Stage] = {}
        self.notes: dict[str, Any] = {}

    def outcome(self) -> Outcome:
        """Run the algorithm's stages, to the cell's end."""
        self.stages, self.notes = 0, {}
        trained = self.parts.algorithm.run(self, Data(self.parts.splits["train"], self.parts.splits["val"]))
        if not isinstance(trained, Trained) or trained.stage.number != self.stages:
            asked = f"algorithm {self.cell.algorithm.name!r}"
            remedy = "return the result of the last fit(...)"
            raise AlgorithmFailed(asked, "run() did not return its last stage", remedy)
        return Outcome(
            {name: t.totals() for name, t in trained.stage.evaluator.tallies.items()},
            {"stages": self.stages, "notes": self.notes, **trained.stage.summary()},
            trained.stage.predictions(),
        )

    def __call__(
        self,
        algorithm: base.Algorithm,
        *,
        sampling: Sampling | None = None,
        recipe: Mapping[str, Any] | None = None,
        start: Literal["init"] | base.Trained = "init",
        record: Sequence[str] = (),
        refit: base.Refit | None = None,
    ) -> Trained:
        """Train the next stage, or take it from the files of an earlier attempt."""
        self.stages += 1
        if self.stages in self.trained:
            return Trained(self.trained[self.stages])
        stage = Stage(
            number=self.stages,
            cell=self.cell,
            recipe=replaced(self.cell.recipe, dict(recipe or {})),
            algorithm=algorithm,
            loss=self.parts.loss,
            networks=self._networks(algorithm.members, start),
            prepared=self.prepared,
            sampling=sampling,
            device=self.device,
            record=record,
            refit=refit,
        )
        end = self.sink.finished_stage(self.stages)
        if end is not None:
            stage.load(end)
        else:
            self.train(stage, self.resumed if self.resumed and self.resumed.stage == self.stages else None)
        self.trained[self.stages] = stage
        return Trained(stage)

    def train(self, stage: Stage, resumed: Checkpoint | None) -> None:
        """Train a stage, from a checkpoint on if there is one."""
        stage.run(self.sink, resumed)

    def note(self, name: str, value: Any) -> None:
        """Keep JSON values with the result."""
        self.notes[name] = value

    def generator(self, purpose: int) -> torch.Generator:
        """Randomness of the cell's seed, for what is drawn between stages."""
        return stream.generator(self.cell.seed, purpose, For.ALGORITHM)

    def _networks(self, members: int, start: Literal["init"] | base.Trained) -> nn.ModuleList:
        """Networks at theta(0), drawn on the CPU: the same for every stage and every algorithm of a seed."""
        networks = nn.ModuleList()
        for member in range(members):
            torch.manual_seed(stream.torch_seed(self.cell.seed, member, For.INIT))
            networks.append(self.parts.backbone.build(self.parts.spec))
        networks = networks.to(self.device, precision.dtype(self.cell.mode))
        if self.parts.backbone.convolutional and self.cell.mode.pipeline == "fast":
            networks = networks.to(memory_format=torch.channels_last)
        if isinstance(start, Trained):
            load_module(networks, start.stage.networks.state_dict())
        return networks
