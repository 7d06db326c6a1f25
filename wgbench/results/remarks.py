"""What to know about an entry before its numbers are believed: a line for each thing."""

from collections.abc import Iterator

from wgbench.results.lack import told
from wgbench.results.schema import CellOf, Entry


def remarks(entry: Entry) -> list[str]:
    """What it lacks, what was chosen for it, runs that diverged or collapsed, and JTT's error set."""
    found = [told(entry.partial)] if entry.partial else []
    found += _windows(entry)
    if entry.tuning.chosen is not None:
        options = entry.tuning.drawn[entry.tuning.chosen].options
        chosen = ", ".join(f"{name}={value}" for name, value in options.items())
        found.append(f"hyper-parameters: {entry.tuning.label}, {chosen}")
    diverged = [_named(c) for c in entry.cells if c.diverged_at is not None]
    collapsed = [_named(c) for c in entry.cells if c.collapsed and c.diverged_at is None]
    found += [f"diverged (counted as 0): {', '.join(diverged)}"] if diverged else []
    sets = [c.notes["error_set"] for c in entry.cells if "error_set" in c.notes and c.weight_decay == 0]
    if sets:
        mean = [sum(recall) / len(sets) for recall in zip(*(s["recall"] for s in sets), strict=True)]
        shares = ", ".join(f"{n} {100 * r:.0f} %" for n, r in zip(entry.dataset.group_names, mean, strict=True))
        found.append(f"error set: {sum(s['size'] for s in sets) / len(sets):.0f} examples; of {shares}")
    return found + ([f"predicts a single class at the end: {', '.join(collapsed)}"] if collapsed else [])


def _windows(entry: Entry) -> Iterator[str]:
    """Why scores are missing from a short run, and why those of two seeds say little."""
    epochs, (_, end), last = entry.recipe.epochs, entry.protocol.early, entry.protocol.last
    short = [f"{name} scores need {least}" for name, least in (("early", end), ("final", last)) if epochs < least]
    if short:
        yield f"epochs {epochs}: {', '.join(short)}"
    if len(entry.protocol.seeds) == 2:
        yield "two seeds: an interval of 12.7 standard errors, which says next to nothing; three make it 4.3"


def _named(cell: CellOf) -> str:
    return f"seed {cell.seed} wd {cell.weight_decay:g}"
