"""Whether the counts of an entry's curves can be true: complete, within their totals, and adding up."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgbench.engine.refit import is_scored
from wgbench.results import schema
from wgbench.results.limits import cell_name, class_totals
from wgbench.results.rows import Rows
from wgbench.results.stored import SPLITS, Stored, key_of


def wrong_counts(entry: Stored) -> Iterator[str]:
    """One line for every kind of contradiction in a cell's stage and split."""
    cells = {key_of(cell): cell for cell in entry.entry.cells}
    if strange := entry.by_cell.keys() - cells.keys():
        seed, weight_decay = min(strange)
        yield f"{schema.CURVES} has rows of seed {seed}, wd {weight_decay:g}, which is no cell of the entry"
    for key, cell in cells.items():
        places = entry.by_cell.get(key, {})
        yield from _epochs(entry.entry, cell, places)
        last = max((stage for stage, _ in places), default=0)
        for (stage, split), rows in places.items():
            part = cell.totals.get(split) if stage == last else None
            where = f"{cell_name(cell)}, stage {stage}, {split}"
            yield from _rows(entry.entry, where, part or entry.entry.dataset.counts[split], rows)


def _epochs(entry: schema.Entry, cell: schema.CellOf, places: Mapping[tuple[int, str], Rows]) -> Iterator[str]:
    """Stages follow each other; in each, all three splits have the same epochs, and the last stage has all of them."""
    horizon = cell.epochs or entry.recipe.epochs
    if cell.diverged_at is not None and not 1 <= cell.diverged_at <= horizon:
        yield f"{cell_name(cell)}: it diverged at epoch {cell.diverged_at} of {horizon}"
        return
    upto = horizon if cell.diverged_at is None else cell.diverged_at - 1
    stages = sorted({stage for stage, _ in places})
    last = cell.stages or max(stages, default=1)
    # The number that is stated is anybody's: nothing of that size is made.
    in_turn = stages == list(range(1, len(stages) + 1))
    if not in_turn or (len(stages) != last and not (upto == 0 and len(stages) == last - 1)):
        yield f"{cell_name(cell)}: rows of stages {stages}, and {last} are stated"
        return
    for stage in range(1, last + 1):
        found = {s: places[stage, s]["epoch"].tolist() if (stage, s) in places else [] for s in SPLITS}
        whole = list(range(1, (upto if stage == last else len(found["train"])) + 1))
        for split, epochs in found.items():
            complete = epochs == whole or (stage == last and epochs == _of_refit(whole, horizon))
            if not complete or epochs != found["train"]:
                missing = sorted({*whole, *found["train"]} - set(epochs))
                what = f"epoch {missing[0]} is missing" if missing else "its epochs are not 1, 2, ..., each once"
                yield f"{cell_name(cell)}, stage {stage}, {split}: {what}"
                break


def _of_refit(whole: list[int], horizon: int) -> list[int]:
    """A head that is refitted is scored at some epochs alone."""
    return [epoch for epoch in whole if is_scored(epoch, horizon)]


def _rows(entry: schema.Entry, where: str, totals: schema.Totals, rows: Rows) -> Iterator[str]:
    """Sums and bounds of all rows of one stage and split."""
    total, n = np.array(totals["total"]), totals["n"]
    correct, classes, predicted = (rows[name] for name in ("correct", "class_correct", "predicted"))
    everyone, epochs = rows["acc_correct"], rows["epoch"]
    most = np.array(class_totals(totals, classes.shape[1]))

    def first(wrong: Any, what: str) -> Iterator[str]:
        if wrong.any():
            yield f"{where}, epoch {epochs[int(wrong.argmax())]}: {what}"

    for group, name in enumerate(entry.dataset.group_names):
        bad = (correct[:, group] < 0) | (correct[:, group] > total[group])
        shown = int(correct[int(bad.argmax()), group]) if bad.any() else 0
        yield from first(bad, f"{shown} of {total[group]} examples of group {name} are correct")
    yield from first((predicted < 0).any(1) | (predicted.sum(1) != n), f"predicted classes do not add up to {n}")
    bounded = (classes < 0) | (classes > predicted) | (classes > most)
    yield from first(bounded.any(1), "more of a class is correct than there is, or than was predicted")
    yield from first(classes.sum(1) != everyone, "correct predictions per class do not add up to those of all")
    if total.sum() == n:  # every example is in one group
        yield from first(correct.sum(1) != everyone, "correct predictions per group do not add up to those of all")
    by_class = _by_class(total, totals, classes.shape[1])
    if by_class:
        sums = correct.reshape(len(correct), classes.shape[1], -1).sum(2)
        yield from first((sums != classes).any(1), "correct predictions per group do not add up to those of a class")


def _by_class(total: NDArray[Any], totals: schema.Totals, classes: int) -> bool:
    """Whether group ids are label x attribute, as they are where groups do not overlap."""
    if total.sum() != totals["n"] or len(total) % classes:
        return False
    plain: schema.Totals = {"total": totals["total"], "n": totals["n"]}
    return class_totals(plain, classes) == class_totals(totals, classes)
