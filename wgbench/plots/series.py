"""From stored curves to what a line shows: values over epochs, one row per seed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wgbench.evaluation.curves import Curves, SplitCurve
from wgbench.results.labels import labels
from wgbench.results.stored import Stored

Floats = NDArray[np.float64]
Measure = Callable[[Curves], Floats]
Q = "log_q"  # the name under which Group DRO keeps the logarithms of its group weights


@dataclass(frozen=True)
class Series:
    """Values in percent, (S, E): one row per seed, NaN where there is none."""

    values: Floats

    @property
    def epochs(self) -> NDArray[np.int64]:
        """Epochs at which a seed has a value, from 1, (K,)."""
        return np.flatnonzero(~np.isnan(self.values).all(axis=0)) + 1

    @property
    def horizon(self) -> int:
        """The number of epochs, scored or not."""
        return int(self.values.shape[1])

    @property
    def seeds(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def mean(self) -> Floats:
        """Mean over the seeds at those epochs, (K,)."""
        return np.asarray(np.nanmean(self.values[:, self.epochs - 1], axis=0))

    @property
    def range(self) -> tuple[Floats, Floats]:
        """Lowest and highest seed at those epochs, (K,) each."""
        kept = self.values[:, self.epochs - 1]
        return np.asarray(np.nanmin(kept, axis=0)), np.asarray(np.nanmax(kept, axis=0))


def average(split: str) -> Measure:
    """Accuracy over all examples of a split, in percent."""
    return lambda curves: _percent(curves, split, part(curves, split).acc)


def worst_group(split: str) -> Measure:
    """Accuracy of the worst group of a split at each epoch, in percent."""
    return lambda curves: _percent(curves, split, part(curves, split).worst_group_acc)


def group(split: str, index: int) -> Measure:
    """Accuracy of one group of a split, in percent."""
    return lambda curves: _percent(curves, split, part(curves, split).group_acc[:, index])


def over_seeds(stored: Stored, measure: Measure, weight_decay: float = 0.0) -> Series | None:
    """A measure of every seed at one weight decay; None where the entry has no such runs."""
    rows = [measure(stored.curves[seed, weight_decay]) for seed in seeds_at(stored, weight_decay)]
    return Series(np.stack(rows)) if rows else None


def weights_over_seeds(stored: Stored, weight_decay: float = 0.0) -> tuple[list[Series], bool]:
    """Weights of each training group in percent, and whether they are Group DRO's q.

    For the other algorithms it is the share of all weights that the group's examples got. Empty without such runs.
    """
    seeds = seeds_at(stored, weight_decay)
    states = [stored.state(seed, weight_decay).get(Q) for seed in seeds]
    kept = [np.exp(s) for s in states if s is not None]
    whole = bool(seeds) and len(kept) == len(seeds)
    rows = kept if whole else [stored.mass(seed, weight_decay) for seed in seeds]
    if not rows:
        return [], False
    stacked = 100 * np.stack(rows)  # (S, E, G)
    return [Series(stacked[:, :, g]) for g in range(stacked.shape[2])], whole


def seeds_at(stored: Stored, weight_decay: float) -> list[int]:
    """Seeds with a run at this weight decay."""
    return [cell.seed for cell in stored.entry.cells if cell.weight_decay == weight_decay]


def plain(entries: Iterable[Stored]) -> list[Stored]:
    """The entries that have runs without weight decay."""
    return [stored for stored in entries if seeds_at(stored, 0.0)]


def named(entries: Sequence[Stored], kept: Sequence[Stored]) -> list[tuple[str, Stored]]:
    """Entries that are kept, with the names that tell all of them apart."""
    return [(label, s) for label, s in zip(labels(entries), entries, strict=True) if any(s is k for k in kept)]


def divergences(stored: Stored, weight_decay: float = 0.0) -> list[int]:
    """Epochs at which runs diverged."""
    found = [c.diverged_at for c in stored.entry.cells if c.weight_decay == weight_decay]
    return sorted(epoch for epoch in found if epoch is not None)


def horizon(entries: Sequence[Stored]) -> int:
    """The longest number of epochs among the entries."""
    return max((curves.epochs for stored in entries for curves in stored.curves.values()), default=1)


def part(curves: Curves, split: str) -> SplitCurve:
    """The curve of a split by its name."""
    found: SplitCurve = getattr(curves, split)
    return found


def _percent(curves: Curves, split: str, values: Floats) -> Floats:
    """Shares as percent, NaN where nothing was scored: a refitted head has scores at some epochs only.

    What comes after a divergence stays 0, as it counts in the scores.
    """
    unscored = part(curves, split).predicted.sum(axis=1) == 0
    if curves.diverged_at is not None:
        unscored[curves.diverged_at - 1 :] = False
    return np.where(unscored, np.nan, 100 * values)
