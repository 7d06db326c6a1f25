"""An entry's curves read back from its own files: what figures, recounts and comparisons start from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgbench.errors import BadEntry
from wgbench.evaluation.cell_scores import CellScores, cell_scores
from wgbench.evaluation.curves import Curves, SplitCurve
from wgbench.results import schema, tables
from wgbench.results.limits import class_totals, unusable
from wgbench.results.rows import Rows, Table

Key = tuple[int, float]  # seed, weight decay
Place = tuple[int, int, str]  # stage, epoch, split
SPLITS = tables.SPLITS
COUNTS = ("correct", "class_correct", "acc_correct", "predicted")


@dataclass(frozen=True)
class Stored:
    """An entry, and the folder with the files that it names."""

    entry: schema.Entry
    folder: Path

    @cached_property
    def curves(self) -> Mapping[Key, Curves]:
        """Curves of the last stage of every cell, by seed and weight decay; BadEntry where rows are missing."""
        found = {}
        for cell in self.entry.cells:
            rows = self._rows(cell)
            splits = {split: self._curve(cell, split, rows.get(split)) for split in SPLITS}
            found[cell.seed, cell.weight_decay] = Curves(**splits, diverged_at=cell.diverged_at)
        return found

    @cached_property
    def scored(self) -> Mapping[Key, CellScores]:
        """Scores of every cell, counted from its curves; BadEntry where rows are missing."""
        protocol = self.entry.protocol
        return {key: cell_scores(curves, protocol.early, protocol.last) for key, curves in self.curves.items()}

    def counts(self, seed: int, weight_decay: float) -> dict[Place, list[int]]:
        """Correct predictions per group of one cell, by stage, epoch and split: all that was scored, of every stage."""
        found: dict[Place, list[int]] = {}
        for (stage, split), rows in self.by_cell.get((seed, weight_decay), {}).items():
            pairs = zip(rows["epoch"].tolist(), rows["correct"].tolist(), strict=True)
            found |= {(stage, epoch, split): correct for epoch, correct in pairs}
        return found

    def mass(self, seed: int, weight_decay: float) -> NDArray[np.float64]:
        """Share of the weights that each training group got, per epoch of the last stage, (E, G).

        NaN at epochs that were not scored, and from a divergence on.
        """
        cell = self.cell(seed, weight_decay)
        rows, horizon = self._rows(cell).get("train"), cell.epochs or self.entry.recipe.epochs
        if rows is None:  # diverged in its first epoch
            return np.full((horizon, len(self.entry.dataset.counts["train"]["total"])), np.nan)
        return _spread(rows["mass"], rows["epoch"], horizon)

    def state(self, seed: int, weight_decay: float) -> Mapping[str, NDArray[np.float64]]:
        """What the algorithm keeps beside the network (Group DRO's `log_q`), per epoch of the last stage, (E, K).

        Only what every epoch has in the same shape; empty for an algorithm without such.
        """
        cell = self.cell(seed, weight_decay)
        rows = self._rows(cell).get("train")
        lines = _lines(rows.text("state")) if rows is not None else []
        if rows is None or not lines or len(lines) < len(rows):
            return {}
        epochs, horizon = rows["epoch"], cell.epochs or self.entry.recipe.epochs
        found = {name: np.array([line.get(name) for line in lines], dtype=object) for name in lines[0]}
        return {name: _spread(v.astype(np.float64), epochs, horizon) for name, v in found.items() if _numeric(v)}

    def predictions(self) -> Mapping[str, NDArray[np.int16]]:
        """Class per test example of the cells without weight decay, by `<moment>-<seed>`."""
        return tables.predictions(self.folder / schema.PREDICTIONS, self.shape)

    def at(self, moment: str) -> Mapping[int, NDArray[np.int16]]:
        """Class per test example by seed, at `final`, `early` (the end of the window) or `selected`; BadEntry if none.

        -1 where training had diverged.
        """
        seeds, held = self.entry.protocol.seeds, self.predictions()
        if missing := [seed for seed in seeds if f"{moment}-{seed}" not in held]:
            wrong = f"it holds no {moment} predictions of seed {missing[0]}"
            raise BadEntry(f"entry {self.folder}", wrong, "take another moment, or an entry with weight decay 0")
        return {seed: held[f"{moment}-{seed}"] for seed in seeds}

    def cell(self, seed: int, weight_decay: float) -> schema.CellOf:
        """What the entry says of one run; KeyError where it has no such."""
        for cell in self.entry.cells:
            if (cell.seed, cell.weight_decay) == (seed, weight_decay):
                return cell
        raise KeyError((seed, weight_decay))

    @property
    def shape(self) -> tables.Shape:
        """What its tables have to look like."""
        dataset = self.entry.dataset
        return tables.Shape(len(dataset.group_names), len(dataset.classes), dataset.counts["test"]["n"])

    @cached_property
    def by_cell(self) -> Mapping[Key, Mapping[tuple[int, str], Rows]]:
        """Rows of the curves by seed and weight decay, and then by stage and split, in the order of the file."""
        found: dict[Key, dict[tuple[int, str], Rows]] = {}
        for (seed, weight_decay, stage, split), rows in Table(
            tables.curves(self.folder / schema.CURVES, self.shape)
        ).places.items():
            found.setdefault((seed, weight_decay), {})[stage, split] = rows
        return found

    def last_stage(self, cell: schema.CellOf) -> int:
        """The number of the stage that is scored; entries that were written early do not state it."""
        return cell.stages or max((stage for stage, _ in self.by_cell.get(key_of(cell), {})), default=1)

    def _rows(self, cell: schema.CellOf) -> Mapping[str, Rows]:
        """Rows of a cell's last stage, by split."""
        places = self.by_cell.get(key_of(cell), {})
        if not places and cell.diverged_at != 1:
            where = f"entry {self.folder}"
            wrong = f"{schema.CURVES} has no rows for seed {cell.seed}, weight decay {cell.weight_decay:g}"
            raise BadEntry(where, wrong, tables.REMEDY)
        last = self.last_stage(cell)
        found = {split: places[last, split] for split in SPLITS if (last, split) in places}
        horizon = cell.epochs or self.entry.recipe.epochs
        for epochs in (rows["epoch"] for rows in found.values()):
            if not 1 <= epochs.min() <= epochs.max() <= horizon:
                wrong = f"{schema.CURVES} has epochs outside of 1 to {horizon}"
                raise BadEntry(f"entry {self.folder}", wrong, tables.REMEDY)
        return found

    def _curve(self, cell: schema.CellOf, split: str, rows: Rows | None) -> SplitCurve:
        totals = cell.totals.get(split) or self.entry.dataset.counts[split]
        groups, classes = len(self.entry.dataset.group_names), len(self.entry.dataset.classes)
        shape = {"correct": (groups,), "class_correct": (classes,), "acc_correct": (), "predicted": (classes,)}
        horizon = cell.epochs or self.entry.recipe.epochs
        epochs = rows["epoch"] if rows is not None else np.zeros(0, np.int64)

        def counted(name: str) -> NDArray[np.int64]:
            values = rows[name] if rows is not None else np.zeros((0, *shape[name]), np.int64)
            return _spread(values, epochs, horizon, 0)

        loss = rows["loss"] if rows is not None else np.zeros((0, groups))
        acc_loss = rows["acc_loss"] if rows is not None else np.zeros(0)
        return SplitCurve(
            total=np.array(totals["total"], dtype=np.int64),
            class_total=np.array(class_totals(totals, classes), dtype=np.int64),
            n=int(totals["n"]),
            loss=_spread(loss, epochs, horizon),
            acc_loss=_spread(acc_loss, epochs, horizon),
            **{name: counted(name) for name in COUNTS},
        )


def key_of(cell: schema.CellOf) -> Key:
    """What cells are found by."""
    return cell.seed, cell.weight_decay


def load(folder: Path) -> Stored:
    """The entry in a folder, ready to be asked for its curves; BadEntry says what is wrong with it."""
    entry = schema.read(folder)
    for wrong in unusable(entry):
        raise BadEntry(f"entry {folder}", wrong, "give a file that wgbench wrote")
    return Stored(entry, folder)


def _lines(states: list[str | None]) -> list[dict[str, Any]]:
    """States that can be read, and hold anything."""
    try:
        found = [json.loads(text) for text in states if text]
    except (ValueError, RecursionError):
        return []
    return found if all(isinstance(line, dict) for line in found) else []


def _numeric(values: NDArray[Any]) -> bool:
    """Whether it is a table of numbers, or of nulls that stand for them."""
    return values.ndim == 2 and all(v is None or isinstance(v, int | float) for v in values.flat)


def _spread(values: NDArray[Any], epochs: NDArray[np.int64], horizon: int, blank: float = np.nan) -> NDArray[Any]:
    """Rows put at their epochs, from 1 to the horizon; `blank` for epochs without a row."""
    whole = np.full((horizon, *values.shape[1:]), blank, dtype=values.dtype)
    whole[epochs - 1] = values
    return whole
