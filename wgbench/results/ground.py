"""Entries found in folders, and sorted by what they can be compared on."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from wgbench.errors import BadEntry
from wgbench.results.schema import ENTRY, Entry
from wgbench.results.stored import Stored, load

Fields = Mapping[str, Any]


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
        """Fields of recipe, protocol and surroundings that differ: the labels by value, the commonest value first."""
        named = list(zip(self.labels, (settings(s.entry) for s in self.entries), strict=True))
        found = {}
        for field in differing([fields for _, fields in named]):
            values: dict[str, list[str]] = {}
            for label, fields in named:
                values.setdefault(shown(fields.get(field)), []).append(label)
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
    titles = distinct([_title(p[0].entry) for p in parted], [_flat(_common(p[0].entry)) for p in parted])
    return [Ground(title, part) for title, part in zip(titles, parted, strict=True)]


def labels(entries: Sequence[Stored]) -> tuple[str, ...]:
    """The algorithm's name, with what sets it apart where several entries have one; `partial` is said."""
    fields = [{**_flat(s.entry.algorithm.options), **settings(s.entry)} for s in entries]
    kept = [{k: v for k, v in f.items() if not k.startswith("environment.")} for f in fields]
    names = distinct([s.entry.algorithm.name for s in entries], kept)
    ids = [names.count(name) > 1 for name in names]
    full = [f"{name} {s.entry.id[:6]}" if tie else name for name, s, tie in zip(names, entries, ids, strict=True)]
    return tuple(f"{name} (partial)" if s.entry.partial else name for name, s in zip(full, entries, strict=True))


def distinct(names: Sequence[str], fields: Sequence[Fields]) -> list[str]:
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


def differing(fields: Sequence[Fields]) -> Iterator[str]:
    """Names under which not all mappings have the same value, in their order."""
    for name in dict.fromkeys(k for f in fields for k in f):
        if any(f.get(name) != fields[0].get(name) for f in fields):
            yield name


def settings(entry: Entry) -> dict[str, Any]:
    """How an entry was trained, measured and run: all that may differ between entries on one ground."""
    environment = {k: v for k, v in entry.environment.items() if k not in ("device", "threads")}
    return _flat(
        {
            "recipe": entry.recipe.model_dump(mode="json"),
            "loss": entry.loss.options,
            "seeds": list(entry.protocol.seeds),
            "weight decays": list(entry.protocol.weight_decays),
            "mode": entry.mode.model_dump(mode="json"),
            "start": entry.backbone.start,
            "weights": entry.weights,
            "hyper-parameters": entry.tuning.label,
            "environment": {"device": entry.cost.device, "threads": entry.environment.get("threads"), **environment},
        }
    )


def shown(value: Any) -> str:
    """A value for a reader: lists with commas, None as a dash."""
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


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
