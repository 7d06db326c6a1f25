"""How large an entry may be, and what it must state of its data, before anything is computed from it."""

import json
from collections.abc import Iterator

from wgbench.results import schema
from wgbench.results.tables import SPLITS

MOST = 2 * 10**7  # numbers that an entry's curves may have
WIDEST, CELLS = 10_000, 10_000
LONGEST = {"note": 4000, "command": 4000, "submitter": 200}
SURROUNDINGS = 16 * 1024  # characters of the environment, of all notes of a cell, of a plug-in's record


def unusable(entry: schema.Entry) -> Iterator[str]:
    """What is too large or too crooked to be looked at any further."""
    groups, classes = len(entry.dataset.group_names), len(entry.dataset.classes)
    if not 0 < groups <= WIDEST or not 0 < classes <= WIDEST:
        yield f"it has {groups} groups and {classes} classes: 1 to {WIDEST} are possible"
        return
    horizon = max([entry.recipe.epochs, *(cell.epochs for cell in entry.cells)])
    runs = len(entry.protocol.seeds) * len(entry.protocol.weight_decays)
    if max(len(entry.cells), runs) > CELLS or len(entry.cells) * horizon * (groups + classes) > MOST:
        yield f"{len(entry.cells)} cells of up to {horizon} epochs: more than a board takes"
    for name, most in LONGEST.items():
        if len(getattr(entry, name)) > most:
            yield f"its {name} is longer than {most} characters"
    parts = {"environment": entry.environment, **{f"notes of cell {c.id}": c.notes for c in entry.cells}}
    parts |= {kind: getattr(entry, kind).model_dump() for kind in ("dataset", "backbone", "algorithm", "loss")}
    for name, part in parts.items():
        if len(json.dumps(part)) > SURROUNDINGS * (20 if name == "dataset" else 1):
            yield f"its {name} is too long"
    threads, packages = entry.environment.get("threads", 1), entry.environment.get("packages", {})
    if not isinstance(threads, int) or not 0 < threads <= WIDEST or not isinstance(packages, dict):
        yield f"its environment has {str(threads)[:20]!r} threads, and packages {str(packages)[:40]!r}"
    yield from _shapes(entry.dataset)
    for cell in entry.cells:
        for split, part in cell.totals.items():
            yield from _part(entry, f"{cell_name(cell)}, {split}", split, part)


def _shapes(stated: schema.DatasetOf) -> Iterator[str]:
    """Counts of every split, for every group and class."""
    if sorted(stated.counts) != sorted(SPLITS):
        yield f"its dataset has counts of {', '.join(stated.counts)[:80]}, and not of {', '.join(SPLITS)}"
        return
    for split, counts in stated.counts.items():
        yield from _totals(split, counts, len(stated.group_names), len(stated.classes))


def _totals(name: str, counts: schema.Totals, groups: int, classes: int) -> Iterator[str]:
    total, n, per_class = counts["total"], counts["n"], counts.get("class_total")
    if len(total) != groups or (per_class is not None and len(per_class) != classes):
        yield f"{name}: counts of {len(total)} groups and {len(per_class or ())} classes, for {groups} and {classes}"
    elif not 0 < max(total) <= n or (per_class is not None and sum(per_class) != n):
        yield f"{name}: groups and classes do not fit into {n} examples"
    elif per_class is None and not any(class_totals(counts, classes)):
        yield f"{name}: it does not say how many examples each class has, and groups overlap"


def _part(entry: schema.Entry, name: str, split: str, part: schema.Totals) -> Iterator[str]:
    """Only val may be scored in part, by a method that trains on the rest of it."""
    whole = entry.dataset.counts.get(split)
    if split != "val" or not {"val_group", "val_label"} & set(entry.algorithm.needs) or whole is None:
        yield f"{name}: it is scored in part, which only a method that trains on val may do, and on val"
        return
    yield from _totals(name, part, len(whole["total"]), len(entry.dataset.classes))
    if part["n"] > whole["n"] or any(n > most for n, most in zip(part["total"], whole["total"], strict=False)):
        yield f"{name}: the part that is scored has more examples than the split"


def class_totals(totals: schema.Totals, classes: int) -> list[int]:
    """Examples per class; where an early entry does not say, they follow from groups that are label x attribute.

    Zeros where that cannot be: groups overlap.
    """
    if "class_total" in totals:
        return list(totals["class_total"])
    total = totals["total"]
    if sum(total) != totals["n"] or len(total) % classes:
        return [0] * classes
    each = len(total) // classes
    return [sum(total[c * each : (c + 1) * each]) for c in range(classes)]


def cell_name(cell: schema.CellOf) -> str:
    """How a line names a cell."""
    return f"seed {cell.seed}, wd {cell.weight_decay:g}"
