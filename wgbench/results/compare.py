"""Two entries side by side: differences of their scores, paired by seed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import mean
from typing import Any

from wgbench.config import Plugin, Record
from wgbench.errors import NotComparable
from wgbench.evaluation.intervals import Interval, paired
from wgbench.evaluation.scores import Score
from wgbench.results.schema import Entry

HEADLINE = (
    "wga_final",
    "wga_selected",
    "wga_selected_by_acc",
    "wga_selected_by_worst_class",
    "wga_early",
    "overfit_drop",
    "drop_from_early",
    "acc_final",
    "acc_train_weighted_final",
    "acc_group_mean_final",
    "train_acc_final",
    "wd_mean",
    "wd_worst",
    "wd_best",
)


@dataclass(frozen=True)
class Row:
    """One score of both, as means over the shared seeds, and a - b with its interval; None where one has none."""

    score: str
    a: float | None
    b: float | None
    difference: Interval | None


@dataclass(frozen=True)
class Comparison:
    """Two entries on the same ground, over the seeds that both have."""

    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]  # what differs beside the algorithm, one line each


def compare(a: Entry, b: Entry) -> Comparison:
    """Differences a - b of every headline score; NotComparable where the two do not measure the same thing."""
    for wrong, remedy in _obstacles(a, b):
        raise NotComparable(f"comparing {a.id} with {b.id}", wrong, remedy)
    seeds = tuple(seed for seed in a.protocol.seeds if seed in b.protocol.seeds)
    rows = tuple(_row(name, a, b, seeds) for name in HEADLINE)
    return Comparison(seeds, rows, tuple(_warnings(a, b)))


def _obstacles(a: Entry, b: Entry) -> Iterator[tuple[str, str]]:
    """Why the two cannot be compared: what is wrong, and what to do."""
    same = "compare entries of the same dataset and backbone"
    for owner, x, y in (("dataset", a.dataset, b.dataset), ("backbone", a.backbone, b.backbone)):
        if _named(x) != _named(y):
            yield f"they are on different {owner}s ({_named(x)} and {_named(y)})", same
        if differing := _fields(x.options, y.options):
            yield f"the {owner}'s options differ ({', '.join(differing)})", same
    if a.dataset.fingerprint != b.dataset.fingerprint:
        wrong = f"their data differs (fingerprints {a.dataset.fingerprint} and {b.dataset.fingerprint})"
        yield wrong, "run both on the same files"
    for name in ("rules", "early", "last"):
        x, y = getattr(a.protocol, name), getattr(b.protocol, name)
        if x != y:
            yield f"their scores are defined differently ({name}: {x} and {y})", "run both under the same rules"
    if not set(a.protocol.seeds) & set(b.protocol.seeds):
        yield "they share no seed", "run both with the same --seeds"


def _warnings(a: Entry, b: Entry) -> Iterator[str]:
    """What differs beside the algorithm, and what it means for the differences."""
    if differing := _fields(_dumped(a.recipe), _dumped(b.recipe)):
        yield f"the recipes differ: {', '.join(differing)}"
    if differing := _fields(_dumped(a.loss), _dumped(b.loss)):
        yield f"the losses differ: {', '.join(differing)}"
    if a.mode.precision != b.mode.precision:
        yield f"the precision differs: {a.mode.precision} and {b.mode.precision}"
    if a.mode.pipeline != b.mode.pipeline:
        yield f"the pipeline differs: {a.mode.pipeline} and {b.mode.pipeline}"
    if (a.weights, a.backbone.start) != (b.weights, b.backbone.start):
        yield f"the initial weights differ: {a.backbone.start} and {b.backbone.start}"
    if not _same_grid(a, b):
        yield "the grids of weight decays differ: scores along them are left out"
    if set(a.protocol.seeds) != set(b.protocol.seeds):
        yield "the seeds differ: only shared ones count"
    if a.tuning.label != b.tuning.label:
        yield f"hyper-parameters were chosen differently: {a.tuning.label} and {b.tuning.label}"


def _row(name: str, a: Entry, b: Entry, seeds: tuple[int, ...]) -> Row:
    kept = not name.startswith("wd_") or _same_grid(a, b)
    ours, theirs = (_values(getattr(e.scores, name), seeds) if kept else {} for e in (a, b))
    both = bool(ours and theirs)
    return Row(
        name,
        mean(ours.values()) if ours else None,
        mean(theirs.values()) if theirs else None,
        paired(ours, theirs) if both else None,
    )


def _values(score: Score | None, seeds: tuple[int, ...]) -> dict[int, float]:
    """The score per shared seed; empty where it is not known for each of them."""
    known = {} if score is None else {seed: score.per_seed[str(seed)] for seed in seeds if str(seed) in score.per_seed}
    return known if len(known) == len(seeds) else {}


def _same_grid(a: Entry, b: Entry) -> bool:
    return set(a.protocol.weight_decays) == set(b.protocol.weight_decays)


def _named(plugin: Plugin) -> str:
    return f"{plugin.name} version {plugin.version}"


def _dumped(record: Record) -> dict[str, Any]:
    return record.model_dump(mode="json")


def _fields(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """`name: x and y` for every name under which two mappings differ."""
    names = dict.fromkeys([*a, *b])
    return [f"{name} {a.get(name)} and {b.get(name)}" for name in names if a.get(name) != b.get(name)]
