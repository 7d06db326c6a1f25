"""Entries that were written earlier, brought up to date: scores by today's code, and fields that came later.

Everything comes from the entry's own files, from ERM's entry, and from the registered dataset; nothing is trained. Ids
stay, curves and predictions are not touched, and an entry that is up to date keeps every byte.
"""

from pathlib import Path

from wgbench.config import RULES
from wgbench.disk import write_whole, writing
from wgbench.errors import BadEntry
from wgbench.results import schema
from wgbench.results.checking import board_of
from wgbench.results.identity import subject_of
from wgbench.results.known import Labels, nothing
from wgbench.results.limits import class_totals
from wgbench.results.looking import Looked, look
from wgbench.results.partial import lacks
from wgbench.results.recount import Recount, recount


def rescore(folder: Path, board: Path | None = None, labels: Labels = nothing) -> bool:
    """Bring the entry in a folder up to date; whether its file changed.

    BadEntry where it contradicts itself, or was made under other rules: rescoring mends no entry that is wrong.
    """
    looked = look(folder, board, labels)
    asked = f"rescoring {folder}"
    if looked.problems:
        raise BadEntry(asked, looked.problems[0], "see `wgbench leaderboard check`, and run it again")
    if looked.entry.rules != RULES:
        raise BadEntry(asked, f"made under rules {looked.entry.rules}", f"scores under {RULES} are defined otherwise")
    text = rescored(looked).to_json().encode()
    path = folder / schema.ENTRY
    if path.read_bytes() == text:
        return False
    with writing(path, "or rescore a copy of it"):
        write_whole(path, text)
    return True


def rescore_any(path: Path, labels: Labels = nothing) -> list[tuple[Path, bool]]:
    """Bring an entry, or every entry of a board, up to date: folders, and whether their files changed.

    ERM's entries have their turn as any other: what is counted against them comes from their curves, not their scores.
    """
    where = path.resolve()
    if not (where / "results").is_dir():
        return [(path, rescore(where, board_of(where), labels))]
    folders = sorted(found.parent for found in (where / "results").glob(f"*/*/*/*/{schema.ENTRY}"))
    return [(path / folder.relative_to(where), rescore(folder, where, labels)) for folder in folders]


def rescored(looked: Looked) -> schema.Entry:
    """The entry with its scores, and what else follows from its files, as today's code has them."""
    entry, again = looked.entry, recount(looked.stored, looked.erm, looked.target)
    has_baseline = entry.baseline is not None or entry.algorithm.name == "erm"
    partial = entry.partial
    if looked.known is not None:
        partial = lacks(subject_of(entry), looked.known.dataset, has_baseline=has_baseline)
    classes = len(entry.dataset.classes)
    counts = {split: _with_classes(counts, classes) for split, counts in entry.dataset.counts.items()}
    return entry.model_copy(
        update={
            "partial": partial,
            "dataset": entry.dataset.model_copy(update={"counts": counts}),
            "scores": again.scores,
            "cells": tuple(_cell(looked, again, cell) for cell in entry.cells),
        }
    )


def _cell(looked: Looked, again: Recount, cell: schema.CellOf) -> schema.CellOf:
    """One run, with its scores and the stage that they are of."""
    return cell.model_copy(
        update={
            "scores": dict(again.cells[cell.seed, cell.weight_decay]),
            "stages": looked.stored.last_stage(cell),
            "epochs": cell.epochs or looked.entry.recipe.epochs,
        }
    )


def _with_classes(counts: schema.Totals, classes: int) -> schema.Totals:
    """Counts of a split with those per class, in the order in which they are written."""
    return {"total": counts["total"], "class_total": class_totals(counts, classes), "n": counts["n"]}
