"""Finished runs, read back from the store: what entries are made of."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgbench import checkpoints, runs
from wgbench.config import Cell
from wgbench.errors import StoreFailed
from wgbench.evaluation.curves import Curves, from_lines

Classes = NDArray[np.int16]


@dataclass(frozen=True)
class Run:
    """A finished run, read back."""

    cell: Cell
    environment: dict[str, Any]
    result: dict[str, Any]
    lines: list[dict[str, Any]]
    predictions: dict[str, Classes]
    group: runs.Group = ()  # the cells that it was trained with

    @cached_property
    def curves(self) -> Curves:
        """Curves over the whole horizon."""
        r = self.result
        return from_lines(self.lines, r["totals"], stage=r["stages"], epochs=r["epochs"], diverged_at=r["diverged_at"])


def read_run(store: Path, cell: Cell) -> Run:
    """A finished run from the store; StoreFailed where one of its files is damaged."""
    folder = runs.folder(store, cell)
    try:
        run = Run(
            cell,
            runs.read_json(folder / runs.CELL)["environment"],
            runs.read_json(folder / runs.RESULT),
            runs.read_lines(folder / runs.CURVES),
            runs.read_predictions(folder / runs.PREDICTIONS),
            runs.group(folder) or (),
        )
        _ = run.curves  # made of lines that fit
        whole = run.result.get("curves") in (None, checkpoints.digest(run.lines))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        whole = False
    if not whole:
        raise StoreFailed(f"reading {folder}", "damaged (its curves or its result are not whole)", runs.AGAIN)
    return run
