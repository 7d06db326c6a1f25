"""What `entry.json` says, held against itself and against what is registered here: one line per contradiction."""

import math
from collections.abc import Iterator
from typing import Any

from wgbench import algorithms, losses
from wgbench.config import EARLY, LAST, Plugin
from wgbench.errors import WgbenchError
from wgbench.registry import BUILT_IN, Registry
from wgbench.results import schema
from wgbench.results.identity import subject_of
from wgbench.results.known import Known
from wgbench.results.limits import cell_name
from wgbench.results.partial import lacks, start


def contradictions(entry: schema.Entry, known: Known | None) -> Iterator[str]:
    """What cannot be true together; `known` is the dataset as it is registered here."""
    yield from _identity(entry)
    yield from _cells(entry)
    yield from _rules(entry)
    yield from _counts(entry, known)
    yield from _described(entry)
    yield from _tuning(entry)
    yield from _cost(entry)


def _identity(entry: schema.Entry) -> Iterator[str]:
    if subject_of(entry).digest() != entry.id:
        yield "its id does not follow from what it says it ran"
    if entry.recipe.weight_decay != 0:
        yield f"its recipe has weight decay {entry.recipe.weight_decay:g}: that belongs into the grid"


def _cells(entry: schema.Entry) -> Iterator[str]:
    """Every run of the protocol is there once, under the id that follows from it."""
    expected = {(c.seed, c.weight_decay): c.id for c in subject_of(entry).cells()}
    stated: dict[tuple[int, float], str] = {}
    for cell in entry.cells:
        key, name = (cell.seed, cell.weight_decay), cell_name(cell)
        if key in stated:
            yield f"{name}: it is there twice"
        elif key not in expected:
            yield f"{name}: the protocol has no such cell"
        elif expected[key] != cell.id:
            yield f"{name}: its id {cell.id[:16]} does not follow from the entry, which gives {expected[key]}"
        stated[key] = cell.id
        yield from _cell(entry, cell)
    for seed, weight_decay in expected.keys() - stated.keys():
        yield f"seed {seed}, wd {weight_decay:g}: the protocol has this cell, and the entry has not"


def _cell(entry: schema.Entry, cell: schema.CellOf) -> Iterator[str]:
    name, horizon = cell_name(cell), entry.recipe.epochs
    if cell.epochs not in (0, horizon):
        yield f"{name}: its scored stage has {cell.epochs} epochs, and the recipe {horizon}"
    if not (cell.seconds >= 0 and cell.stages >= 0):
        yield f"{name}: it took {cell.seconds:g} seconds in {cell.stages} stages"
    for field in ("selected_epoch", "collapsed"):
        if field in cell.scores and cell.scores[field] != getattr(cell, field):
            yield f"{name}: {field} is {getattr(cell, field)} here and {cell.scores[field]} among its scores"


def _rules(entry: schema.Entry) -> Iterator[str]:
    protocol = entry.protocol
    if protocol.rules != entry.rules:
        yield f"it is made under rules {entry.rules[:20]} and its protocol under {protocol.rules[:20]}"
    if (protocol.early, protocol.last) != (EARLY, LAST):
        yield f"its windows are epochs {protocol.early} and the last {protocol.last}: the rules' are {EARLY} and {LAST}"


def _counts(entry: schema.Entry, known: Known | None) -> Iterator[str]:
    """Group totals are those of the registered dataset."""
    stated = entry.dataset
    if known is None:
        return
    for name in ("group_names", "classes"):
        if (registered := tuple(getattr(known.dataset, name))) != getattr(stated, name):
            yield f"its {name} are not those of the registered dataset: {', '.join(registered)}"
    for split in known.counts:
        yield from _registered(stated, split, known)
    if known.dataset.pinned != (entry.data is None):
        yield (
            "it names no fingerprint of its data" if entry.data is None else "it names data that its dataset pins down"
        )


def _registered(stated: schema.DatasetOf, split: str, known: Known) -> Iterator[str]:
    totals = zip(stated.group_names, stated.counts[split]["total"], known.counts[split]["total"], strict=False)
    for group, here, registered in totals:
        if here != registered:
            yield f"{split}, group {group}: it has {here} examples, and {registered} in the registered dataset"
    if stated.counts[split]["n"] != known.counts[split]["n"]:
        yield f"{split}: it has {stated.counts[split]['n']} examples, and {known.counts[split]['n']} when registered"


def _described(entry: schema.Entry) -> Iterator[str]:
    """Text and numbers that follow from the rest."""
    if entry.backbone.start != (expected := start(subject_of(entry))):
        yield f"its network starts {entry.backbone.start[:40]!r}, and by its recipe {expected!r}"
    examples = entry.dataset.counts.get("train", {"n": 0})["n"]
    parameters, ratio = entry.backbone.parameters, entry.backbone.parameters_per_example
    if parameters < 1 or not examples or not math.isclose(ratio, parameters / examples, rel_tol=1e-12):
        yield f"{parameters} parameters on {examples} examples are not {ratio:g} per example"
    if (data := entry.data) not in (None, entry.dataset.fingerprint):
        yield f"its data has fingerprint {entry.dataset.fingerprint[:16]}, and its cells were made of {str(data)[:16]}"
    needs = [_needs(algorithms.registry, entry.algorithm), _needs(losses.registry, entry.loss)]
    known = [n for n in needs if n is not None]
    expected_needs = frozenset[str]().union(*known)
    if len(known) == len(needs) and set(entry.algorithm.needs) != expected_needs:
        yield f"it needs {_listed(entry.algorithm.needs)}, and by its algorithm and loss {_listed(expected_needs)}"
    for name, value in entry.weights_settle.items():
        if value is not None and not math.isfinite(value):
            yield f"weights_settle.{name} is {value}"


def _needs(registry: Registry[Any], plugin: Plugin) -> frozenset[str] | None:
    """Supervision that one of our own plug-ins declares; None for others, whose code is not asked."""
    try:
        if registry.info(plugin.name).owner != BUILT_IN:
            return None
        made = registry.make(plugin.name, **plugin.options)
    except WgbenchError:
        return None
    return frozenset(made.needs) if made.version == plugin.version else None


def overstated(entry: schema.Entry, known: Known | None) -> Iterator[str]:
    """Whether it is complete: recomputed where the dataset is known, and never so where it cannot be."""
    if known is None:
        if entry.data is not None and not entry.partial:
            place = "its data is the user's own, or a repository that may change"
            unknown = "its name and version do not pin its data down"
            yield f"it says that it is complete, and {place if ':' in entry.dataset.name else unknown}"
        return
    has_baseline = entry.baseline is not None or entry.algorithm.name == "erm"
    found = lacks(subject_of(entry), known.dataset, has_baseline=has_baseline)
    for line in found:
        if line not in entry.partial:
            yield f"it is partial and does not say so: {line}"
    for line in entry.partial:
        if line not in found:
            yield f"it says that it is partial, and is not: {line[:200]}"


def _tuning(entry: schema.Entry) -> Iterator[str]:
    """The search that it states: one cell per configuration at a seed of its own, the best on val chosen."""
    tuning = entry.tuning
    if not tuning.configurations:
        if tuning.drawn or tuning.chosen is not None or tuning.selected_on != "default":
            yield "its tuning has no configurations, and yet something was chosen"
        return
    if tuning.configurations != len(tuning.drawn) or tuning.selected_on != "val":
        yield f"its tuning states {tuning.configurations} configurations and lists {len(tuning.drawn)}"
        return
    values = [-1.0 if c.val is None else c.val for c in tuning.drawn]
    best = max(range(len(values)), key=lambda i: values[i])
    if tuning.chosen != best or values[best] < 0:
        yield f"its tuning chose configuration {tuning.chosen}, and {best} is the best on val"
    elif not tuning.drawn[best].options.items() <= entry.algorithm.options.items():
        yield "its options are not those that its tuning chose"
    if tuning.seed is None or tuning.seed in entry.protocol.seeds:
        yield f"its tuning used seed {tuning.seed}, which is none of its own"
        return
    for number, candidate in enumerate(tuning.drawn):
        if candidate.cell != _candidate(entry, tuning.seed, candidate):
            yield f"configuration {number} of its tuning: its id does not follow from its options"


def _candidate(entry: schema.Entry, seed: int, candidate: schema.Candidate) -> str:
    """The id of a configuration's cell."""
    subject = subject_of(entry)
    algorithm = subject.algorithm.model_copy(update={"options": {**subject.algorithm.options, **candidate.options}})
    protocol = subject.protocol.model_copy(update={"seeds": (seed,), "weight_decays": (0.0,)})
    mode = subject.mode.model_copy(update={"vectorized": False})  # each is one cell, and trained by itself
    (cell,) = subject.model_copy(update={"algorithm": algorithm, "protocol": protocol, "mode": mode}).cells()
    return cell.id


def _cost(entry: schema.Entry) -> Iterator[str]:
    cost, seconds = entry.cost, sum(cell.seconds for cell in entry.cells)
    if not math.isclose(cost.seconds, seconds, rel_tol=1e-9, abs_tol=1e-9):
        yield f"its cost is {cost.seconds:g} seconds, and its cells took {seconds:g}"
    if not cost.images_per_second >= 0:
        yield f"it trained {cost.images_per_second:g} images per second"


def _listed(names: "frozenset[str] | tuple[str, ...]") -> str:
    return ", ".join(sorted(names)) or "nothing"
