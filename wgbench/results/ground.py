"""Entries found in folders, and sorted by what they can be compared on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from wgbench.errors import BadEntry
from wgbench.results.labels import Fields, differing, flat, labels, settings, shown
from wgbench.results.schema import ENTRY, Entry
from wgbench.results.stored import Stored, load


@dataclass(frozen=True)
class Ground:
    """Entries of one dataset and backbone whose scores are defined alike, the best final worst-group accuracy first."""

    title: str
    entries: tuple[Stored, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """A name of its own for every entry."""
        return labels(self.entries)

    @property
    def differences(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Fields of recipe, protocol and surroundings that differ: the labels by value, the commonest value first.

        Options of a loss are compared among the entries that have it.
        """
        named = list(zip(self.labels, (settings(s.entry) for s in self.entries), strict=True))
        found = {}
        for field in differing([fields for _, fields in named]):
            values: dict[str, list[str]] = {}
            for label, fields in named:
                if field in fields or not field.startswith("loss."):
                    values.setdefault(shown(fields.get(field)), []).append(label)
            if len(values) > 1:
                found[field] = {v: tuple(values[v]) for v in sorted(values, key=lambda v: (-len(values[v]), v))}
        return found


def find(places: Iterable[Path]) -> list[Stored]:
    """Every entry in folders and in the folders below them, each id once; BadEntry where there is none."""
    found: dict[str, Stored] = {}
    for place in places:
        folders = [place] if (place / ENTRY).is_file() else sorted(p.parent for p in place.rglob(ENTRY))
        if not folders:
            remedy = "give an entry's folder, or one that holds entries: runs/, leaderboards/results/"
            raise BadEntry(f"entries in {place}", "there are none" if place.is_dir() else "no such folder", remedy)
        for folder in folders:
            stored = load(folder)
            found.setdefault(stored.entry.id, stored)
    return list(found.values())


def grounds(entries: Iterable[Stored]) -> list[Ground]:
    """The entries by what they can be compared on, in the order of datasets' and backbones' names."""
    keyed = sorted(entries, key=lambda s: (_key(s.entry), _rank(s.entry)))
    parted = [tuple(part) for _, part in groupby(keyed, lambda s: _key(s.entry))]
    titles = _distinct([_title(p[0].entry) for p in parted], [flat(_common(p[0].entry)) for p in parted])
    return [Ground(title, part) for title, part in zip(titles, parted, strict=True)]


def _distinct(names: Sequence[str], fields: Sequence[Fields]) -> list[str]:
    """Names, with as many of the fields behind them as it takes to tell those of the same name apart."""
    found = []
    for name, own in zip(names, fields, strict=True):
        alike = [f for other, f in zip(names, fields, strict=True) if other == name]
        apart = [f"{k.rpartition('.')[2].replace('_', ' ')} {shown(own.get(k))}" for k in _telling(alike)]
        found.append(", ".join([name, *apart]))
    return found


def _telling(fields: Sequence[Fields]) -> list[str]:
    """Fields, in their order, that tell more of the mappings apart than those before them do."""
    kept: list[str] = []
    parts = 1
    for name in differing(fields):
        found = len({json.dumps([f.get(k) for k in (*kept, name)]) for f in fields})
        if found > parts:
            kept, parts = [*kept, name], found
    return kept


def _common(entry: Entry) -> dict[str, Any]:
    """What entries must share to be compared."""
    parts = {"dataset": entry.dataset, "backbone": entry.backbone}
    named = {owner: {"name": p.name, "version": p.version, "options": p.options} for owner, p in parts.items()}
    protocol = {name: getattr(entry.protocol, name) for name in ("rules", "early", "last")}
    return {**named, "data": entry.dataset.fingerprint, "protocol": protocol}


def _key(entry: Entry) -> str:
    return json.dumps(_common(entry))


def _title(entry: Entry) -> str:
    return f"{entry.dataset.name} v{entry.dataset.version}, {entry.backbone.name}"


def _rank(entry: Entry) -> tuple[float, str, str]:
    """As a board ranks: by final worst-group accuracy, entries without one last."""
    final = entry.scores.wga_final
    return (1.0 if final is None else -final.mean, entry.algorithm.name, entry.id)
