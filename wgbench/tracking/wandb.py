"""Weights & Biases: a run for every stage of every cell, in the project `wgbench` or WANDB_PROJECT."""

import os
from pathlib import Path
from typing import Any

import wandb

from wgbench.config import Cell
from wgbench.launch.job import Progress
from wgbench.tracking.base import Tracker, facts, label


class WeightsAndBiases(Tracker):
    """Runs are grouped by dataset and algorithm; a resumed cell goes on in its run."""

    def __init__(self, store: Path) -> None:
        super().__init__(store)
        self.runs: dict[str, Any] = {}

    def epoch(self, cell: Cell, progress: Progress) -> None:
        """The record, at the epoch's step."""
        name = label(cell, progress.stage)
        if name not in self.runs:
            self.runs[name] = wandb.init(
                project=os.environ.get("WANDB_PROJECT", "wgbench"),
                group=f"{cell.dataset.name}-{cell.algorithm.name}",
                name=name,
                id=f"{cell.id}-{progress.stage}",
                config=facts(cell),
                dir=str(self.store),
                resume="allow",
                reinit="create_new",
            )
        self.runs[name].log(dict(progress.record), step=progress.epoch)

    def close(self) -> None:
        """End all runs."""
        for run in self.runs.values():
            run.finish()
