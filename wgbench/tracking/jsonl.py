"""A line of JSON on stdout for every epoch and entry: for scripts."""

import json
import sys
from typing import Any

from wgbench.config import Cell
from wgbench.launch.job import Progress
from wgbench.request import Result
from wgbench.tracking.base import Tracker, facts


class JsonLines(Tracker):
    """`{"event": "epoch", ...}` and `{"event": "entry", ...}`, as they happen."""

    def epoch(self, cell: Cell, progress: Progress) -> None:
        """Where the cell is, and its record."""
        named = {
            name: facts(cell)[name] for name in ("cell", "dataset", "backbone", "algorithm", "seed", "weight_decay")
        }
        where = {"stage": progress.stage, "epoch": progress.epoch, "epochs": progress.epochs}
        self._write({"event": "epoch", **named, **where, "seconds": progress.seconds, **progress.record})

    def concluded(self, result: Result) -> None:
        """The entry's id, folder and scores."""
        entry = result.entry
        scores = {k: v["mean"] for k, v in entry.scores.model_dump(mode="json").items() if isinstance(v, dict)}
        named = {"algorithm": entry.algorithm.name, "dataset": entry.dataset.name, "backbone": entry.backbone.name}
        self._write({"event": "entry", "id": entry.id, "folder": str(result.folder), **named, "scores": scores})

    def _write(self, event: dict[str, Any]) -> None:
        print(json.dumps(event, allow_nan=False), file=sys.stdout, flush=True)
