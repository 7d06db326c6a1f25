"""Scores from predicted classes alone: for those who train with a loop of their own.

The file is a CSV with a row per example: `index` (its row in the split) and `prediction` (a class's name, or its id
where the names are no other numbers; `none` where a diverged model has nothing to say, which counts as wrong).
Optional columns: `seed`, and `epoch` from 1. Other columns are ignored.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from wgbench.config import EARLY, LAST, Record
from wgbench.errors import BadPredictions
from wgbench.evaluation.cell_scores import train_weighted
from wgbench.evaluation.curves import Counts, Floats
from wgbench.evaluation.intervals import Bools, bootstrap_group_acc, percentiles, worst
from wgbench.evaluation.scores import Score, seed_score

Classes = NDArray[np.int16]
Predictions = Mapping[int, Mapping[int, Classes]]  # seed -> epoch -> class per example (N,)
INDEX, PREDICTION, SEED, EPOCH = "index", "prediction", "seed", "epoch"
NOTHING, UNSEEN = -1, -2  # a class that is none; an example without a row
NONE = "none"


@dataclass(frozen=True)
class Truth:
    """One split as scores need it."""

    label: NDArray[np.int64]  # (N,)
    columns: Bools  # (N, G)
    classes: tuple[str, ...]
    group_names: tuple[str, ...]
    train_total: Counts  # (G,) training examples per group


class Scored(Record):
    """Accuracies per group and in all at the last epoch; with epochs, also the windows of the protocol."""

    seeds: tuple[int, ...]
    epochs: int | None  # the last one; None where the file has no epochs
    groups: dict[str, Score | None]  # None for a group without examples
    scores: dict[str, Score | None]  # None where the file lacks an epoch of the window


@dataclass(frozen=True)
class Accuracies:
    """The named averages of accuracies per group, (..., G), and over all examples, (...)."""

    group: Floats
    acc: Floats
    train_total: Counts

    @cached_property
    def named(self) -> dict[str, Floats]:
        """`wga`, `acc`, `acc_train_weighted`, `acc_group_mean`."""
        return {
            "wga": worst(self.group),
            "acc": self.acc,
            "acc_train_weighted": train_weighted(self.group, self.train_total),
            "acc_group_mean": train_weighted(self.group, np.ones_like(self.train_total)),
        }


def read_csv(path: Path, truth: Truth) -> tuple[Predictions, bool]:
    """The predictions in a file, and whether it has epochs (else all are epoch 0); BadPredictions names the line."""
    try:
        if path.exists() and not path.is_file():  # a device or a pipe, which would never end
            raise BadPredictions(f"reading {path}", "it is no file", "give a CSV file in UTF-8")
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(path, csv.reader(file), truth)
    except FileNotFoundError:
        remedy = "give the CSV file with your predictions; for an entry's own, --from-entry writes it"
        raise BadPredictions(f"reading {path}", "no such file", remedy) from None
    except OSError as problem:
        raise BadPredictions(f"reading {path}", str(problem.strerror or problem), "give a CSV file in UTF-8") from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadPredictions(f"reading {path}", str(problem), "give a CSV file in UTF-8") from None


def write_csv(path: Path, predictions: Mapping[int, Classes], classes: Sequence[str]) -> None:
    """Write one evaluation per seed, (N,) classes each, in the form that `read_csv` reads; never over another file."""
    names = {**dict(enumerate(classes)), NOTHING: NONE}
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow((SEED, INDEX, PREDICTION))
            for seed, predicted in predictions.items():
                rows.writerows((seed, i, names[c]) for i, c in enumerate(predicted.tolist()))
    except FileExistsError:
        raise BadPredictions(f"writing {path}", "a file is there already", "give a new name") from None
    except OSError as problem:
        raise BadPredictions(f"writing {path}", str(problem.strerror), "give a file that can be written") from None


def score(predictions: Predictions, truth: Truth, *, epochs: bool) -> Scored:
    """Accuracies at the last epoch, with bootstrap and, for several seeds, Student-t intervals; windows of `epochs`."""
    last = max(max(by_epoch) for by_epoch in predictions.values())
    right = np.stack([by_epoch[last] == truth.label for by_epoch in predictions.values()])  # (S, N)
    seeds = tuple(predictions)
    groups, scores = _at_one_epoch(right, truth, seeds)
    if epochs:
        scores |= _windows(predictions, truth, last)
    return Scored(seeds=seeds, epochs=last if epochs else None, groups=groups, scores=scores)


def ids(classes: Sequence[str]) -> dict[str, int]:
    """What may stand for each class: its name; its id too, unless names are numbers that mean other classes."""
    names = {name: i for i, name in enumerate(classes)}
    numbers = {str(i): i for i in range(len(classes))}
    ambiguous = any(name.lstrip("+-").isdigit() and numbers.get(name) != i for name, i in names.items())
    return {NONE: NOTHING, **({} if ambiguous else numbers), **names}


def _read(path: Path, rows: Iterator[list[str]], truth: Truth) -> tuple[Predictions, bool]:
    header = [name.strip() for name in next(rows, [])]
    for name in (INDEX, PREDICTION):
        if name not in header:
            columns = ", ".join(header) or "none"
            raise BadPredictions(
                f"{path}, line 1",
                f"no column {name!r} (there are: {columns})",
                f"add {name!r}; for an entry's own, --from-entry writes the file",
            )
    place = {name: header.index(name) for name in (INDEX, PREDICTION, SEED, EPOCH) if name in header}
    known, n = ids(truth.classes), len(truth.label)
    found: dict[int, dict[int, Classes]] = {}
    for line, row in enumerate(rows, start=2):
        if not row:
            continue
        where = f"{path}, line {line}"
        if len(row) < len(header):
            raise BadPredictions(where, f"{len(row)} values for {len(header)} columns", "mend that line")
        values = {name: row[at].strip() for name, at in place.items()}
        seed = _number(where, values, SEED) if SEED in values else 0
        epoch = _number(where, values, EPOCH, least=1) if EPOCH in values else 0
        predicted = found.setdefault(seed, {}).setdefault(epoch, np.full(n, UNSEEN, np.int16))
        _put(where, values, predicted, known)
    _complete(path, found)
    return found, EPOCH in place


def _number(where: str, values: Mapping[str, str], name: str, least: int = 0) -> int:
    try:
        value = int(values[name])
    except ValueError:
        value = least - 1
    if value < least:
        raise BadPredictions(where, f"{name} {values[name]!r} is no whole number from {least}", "mend that line")
    return value


def _put(where: str, values: Mapping[str, str], predicted: Classes, known: Mapping[str, int]) -> None:
    """Enter one row; each index once."""
    index = _number(where, values, INDEX)
    if index >= len(predicted):
        remedy = "count from 0 in the order of the split, and check --dataset and --split"
        raise BadPredictions(where, f"index {index} of a split of {len(predicted)} examples", remedy)
    if predicted[index] != UNSEEN:
        raise BadPredictions(where, f"index {index} a second time", "give each example once per seed and epoch")
    if values[PREDICTION] not in known:
        names = ", ".join(name for name, which in known.items() if which != NOTHING)
        remedy = f"write one of {names}, or {NONE} where nothing was predicted, which counts as wrong"
        raise BadPredictions(where, f"unknown class {values[PREDICTION]!r}", remedy)
    predicted[index] = known[values[PREDICTION]]


def _complete(path: Path, found: Predictions) -> None:
    """Every seed ends at the same epoch, and every evaluation has all examples."""
    if not found:
        raise BadPredictions(str(path), "no predictions", "give a row for every example of the split")
    ends = {seed: max(by_epoch) for seed, by_epoch in found.items()}
    if len(set(ends.values())) > 1:
        shown = ", ".join(f"seed {seed} at {end}" for seed, end in ends.items())
        raise BadPredictions(str(path), f"the seeds end at different epochs ({shown})", "give every seed to the end")
    for seed, by_epoch in found.items():
        for epoch, predicted in by_epoch.items():
            if missing := int((predicted == UNSEEN).sum()):
                which = f"seed {seed}, epoch {epoch}: " if epoch else f"seed {seed}: "
                first = int((predicted == UNSEEN).argmax())
                wrong = f"{which}{missing} of {len(predicted)} examples are missing, the first is index {first}"
                raise BadPredictions(str(path), wrong, "give a row for every example of the split")


def _at_one_epoch(
    right: Bools, truth: Truth, seeds: tuple[int, ...]
) -> tuple[dict[str, Score | None], dict[str, Score | None]]:
    """Scores of one evaluation per seed, (S, N) correct: per group, and the named averages."""
    everyone = np.ones((len(truth.label), 1), dtype=bool)
    drawn = bootstrap_group_acc(right, np.concatenate([truth.columns, everyone], axis=1))  # (draws, S, G + 1)
    exact = _accuracies(right, truth)
    spread = Accuracies(drawn[..., :-1], drawn[..., -1], truth.train_total)
    groups = {
        name: _score(seeds, exact.group[:, g], spread.group[..., g]) if truth.columns[:, g].any() else None
        for g, name in enumerate(truth.group_names)
    }
    return groups, {name: _score(seeds, exact.named[name], spread.named[name]) for name in exact.named}


def _accuracies(right: Bools, truth: Truth) -> Accuracies:
    """Accuracies of evaluations (S, N), one row each."""
    total = truth.columns.sum(axis=0)
    with np.errstate(invalid="ignore"):
        group = (right.astype(np.int64) @ truth.columns.astype(np.int64)) / np.where(total > 0, total, np.nan)
    return Accuracies(group, right.mean(axis=1), truth.train_total)


def _score(seeds: tuple[int, ...], values: Floats, drawn: Floats) -> Score | None:
    """One value per seed (S,) with the interval of its draws (draws, S); None where it is not defined."""
    if np.isnan(values).any():
        return None
    found = seed_score(dict(zip(seeds, values.tolist(), strict=True)))
    return found and found.model_copy(update={"bootstrap": percentiles(drawn.mean(axis=1))})


def _windows(predictions: Predictions, truth: Truth, last: int) -> dict[str, Score | None]:
    """Means over the early window and over the last epochs; a minimum over groups is taken per epoch."""
    early, end = range(EARLY[0], EARLY[1] + 1), range(last - LAST + 1, last + 1)
    wga_early = {seed: _mean(p, truth, early, "wga") for seed, p in predictions.items()}
    found = {"wga_early": seed_score(wga_early)}
    for name in ("wga", "acc", "acc_train_weighted", "acc_group_mean"):
        found[f"{name}_final"] = seed_score({seed: _mean(p, truth, end, name) for seed, p in predictions.items()})
    if found["wga_early"] is not None and found["wga_final"] is not None:
        a, b = found["wga_early"].per_seed, found["wga_final"].per_seed
        found["drop_from_early"] = seed_score({seed: a[str(seed)] - b[str(seed)] for seed in predictions})
    return found


def _mean(by_epoch: Mapping[int, Classes], truth: Truth, epochs: range, name: str) -> float | None:
    """Mean of a named average over some epochs of one seed; None where one is missing."""
    if epochs.start < 1 or not by_epoch.keys() >= set(epochs):
        return None
    right = np.stack([by_epoch[epoch] == truth.label for epoch in epochs])
    values = _accuracies(right, truth).named[name].tolist()
    return None if any(np.isnan(values)) else mean(values)
