"""A published table beside what was measured here: differences with Welch intervals, departures from its setting."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wgbench.evaluation.intervals import Interval, welch_from_halfwidths
from wgbench.evaluation.scores import Score
from wgbench.results.labels import shown
from wgbench.results.reported import Reported, Setting, rows, settings
from wgbench.results.schema import Entry

Pair = tuple[Score | None, Score | None]  # average train accuracy, worst-group test accuracy


@dataclass(frozen=True)
class Line:
    """One reported cell, the measured one of the same place, and measured minus reported."""

    reported: Reported
    entry: Entry | None  # None where nothing was run
    train_acc: Score | None
    wga: Score | None
    train_acc_difference: Interval | None
    wga_difference: Interval | None
    departures: tuple[str, ...]  # what differs from the published setting

    @property
    def moment(self) -> str:
        """Where in the table the row is: a weight decay, or early stopping."""
        return "early" if self.reported.early else f"{self.reported.weight_decay:g}"


def side_by_side(entries: Iterable[Entry]) -> list[Line]:
    """Every reported row, in the order of its table, with the entry that comes closest to its setting."""
    found = list(entries)
    return [_line(row, _closest(row, found)) for row in rows()]


def departing(lines: Iterable[Line]) -> list[Line]:
    """One line of every entry that differs from the published setting."""
    return list({line.entry.id: line for line in lines if line.entry is not None and line.departures}.values())


def departures(entry: Entry) -> tuple[str, ...]:
    """What differs between an entry and the published setting of its dataset; empty where nothing does.

    Precision and machine do not count.
    """
    setting = next((s for s in settings() if s.dataset == entry.dataset.name), None)
    return () if setting is None else tuple(_departures(entry, setting))


def _departures(entry: Entry, setting: Setting) -> Iterator[str]:
    if entry.backbone.name != setting.backbone:
        yield f"backbone {entry.backbone.name} instead of {setting.backbone}"
    if entry.weights is not None:
        yield "initial weights from a file"
    yield from _changed(entry.recipe.model_dump(mode="json"), setting.recipe.model_dump(mode="json"))
    yield from _changed(entry.algorithm.options, setting.options.get(entry.algorithm.name, {}), stated=True)
    if missing := [str(seed) for seed in setting.seeds if seed not in entry.protocol.seeds]:
        yield f"no seed {', '.join(missing)}"
    if entry.data is not None:
        yield "a part of the data"
    if entry.tuning.configurations:
        yield f"hyper-parameters {entry.tuning.label}"
    yield from (f"partial: {said}" for said in entry.partial)


def _changed(ours: Mapping[str, Any], theirs: Mapping[str, Any], stated: bool = False) -> Iterator[str]:
    """Fields whose values differ, of all, or of those that the setting states."""
    for name in theirs if stated else dict.fromkeys([*theirs, *ours]):
        mine, other = ours.get(name), theirs.get(name)
        if isinstance(mine, Mapping) and isinstance(other, Mapping):
            yield from _changed(mine, other)
        elif mine != other:
            yield f"{name} {shown(mine)} instead of {shown(other)}"


def _closest(row: Reported, entries: Sequence[Entry]) -> Entry | None:
    """The entry of this dataset and algorithm with the fewest departures, among those that have the row's runs."""
    alike = [e for e in entries if (e.dataset.name, e.algorithm.name) == (row.dataset, row.algorithm)]
    alike = [e for e in alike if any(_measured(e, row))]
    return min(alike, key=lambda e: (len(departures(e)), e.id), default=None)


def _measured(entry: Entry, row: Reported) -> Pair:
    """The entry's own numbers of a row."""
    scores = entry.scores
    if row.early:
        return scores.train_acc_early, scores.wga_early
    if row.weight_decay == 0:
        return scores.train_acc_final, scores.wga_final
    at = [p for p in scores.wd_curve or () if p.weight_decay == row.weight_decay]
    return (at[0].train_acc, at[0].wga) if at else (None, None)


def _line(row: Reported, entry: Entry | None) -> Line:
    train_acc, wga = _measured(entry, row) if entry is not None else (None, None)
    return Line(
        row,
        entry,
        train_acc,
        wga,
        _difference(train_acc, row.train_acc, row.train_acc_half, row.n),
        _difference(wga, row.wga, row.wga_half, row.n),
        departures(entry) if entry is not None else (),
    )


def _difference(ours: Score | None, mean: float, half: float, n: int) -> Interval | None:
    """Measured minus reported, with its Welch interval; no bounds for a single seed."""
    if ours is None:
        return None
    own = 0.0 if ours.low is None or ours.high is None else (ours.high - ours.low) / 2
    return welch_from_halfwidths(ours.mean, own, ours.n, mean, half, n)
