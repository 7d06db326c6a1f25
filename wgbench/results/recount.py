"""An entry's scores, counted again from its own curves and predictions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wgbench.evaluation.cell_scores import CellScores
from wgbench.evaluation.entry_scores import entry_scores
from wgbench.evaluation.scores import Scores
from wgbench.results import schema
from wgbench.results.entry import Target, from_predictions
from wgbench.results.finished import Classes
from wgbench.results.limits import cell_name
from wgbench.results.stored import Key, Stored

CLOSE = 1e-12  # how far a float may be off that was summed up in another order
# What can be counted only with ERM's entry, and only with the labels of the test split.
OF_ERM = ("erm_excess_early", "erm_excess_selected", "erm_excess_final")
BOOTSTRAPPED = ("wga_early", "wga_selected", "wga_final")


@dataclass(frozen=True)
class Recount:
    """Scores of the cells, and those of the entry. What could not be counted again is as the entry states it."""

    cells: Mapping[Key, CellScores]
    scores: Scores


def recount(entry: Stored, erm: Stored | None, target: Target | None) -> Recount:
    """Scores of an entry, against ERM's where it has a baseline that is at hand; BadEntry where rows are missing."""
    stated = entry.entry.scores
    baseline = None if erm is None else {seed: found for (seed, wd), found in erm.scored.items() if wd == 0}
    scores = entry_scores(entry.scored, entry.entry.protocol, baseline)
    if target is not None:
        theirs = finals(erm) if erm is not None else None
        scores = scores.model_copy(update=from_predictions(scores, held(entry), target, theirs))
    else:
        scores = scores.model_copy(update=_bootstraps(scores, stated))
    if entry.entry.baseline is not None:
        unknown = (*(OF_ERM if erm is None else ()), *(("erm_agreement_final",) if None in (erm, target) else ()))
        scores = scores.model_copy(update={name: getattr(stated, name) for name in unknown})
    return Recount(entry.scored, scores)


def held(entry: Stored) -> dict[int, dict[str, Classes]]:
    """Predicted classes of the cells without weight decay, by seed and moment, in the order of the seeds."""
    if 0 not in entry.entry.protocol.weight_decays:
        return {}
    found: dict[int, dict[str, Classes]] = {seed: {} for seed in entry.entry.protocol.seeds}
    for name, classes in entry.predictions().items():
        moment, _, seed = name.partition("-")
        if seed.isdecimal() and int(seed) in found:
            found[int(seed)][moment] = classes
    return found


def finals(erm: Stored) -> dict[int, Classes]:
    """What ERM predicts at the end, by seed."""
    return {seed: moments["final"] for seed, moments in held(erm).items() if "final" in moments}


def _bootstraps(scores: Scores, stated: Scores) -> dict[str, object]:
    """The stated bootstrap intervals beside what was counted again."""
    changed = {}
    for name in BOOTSTRAPPED:
        ours, theirs = getattr(scores, name), getattr(stated, name)
        if ours is not None and theirs is not None:
            changed[name] = ours.model_copy(update={"bootstrap": theirs.bootstrap})
    return changed


def differences(entry: schema.Entry, again: Recount) -> Iterator[str]:
    """Stated scores that are not those of the recount; scores that the file does not have are no contradiction."""
    for cell in entry.cells:
        for name, value in again.cells[cell.seed, cell.weight_decay].items():
            if name in cell.scores:
                yield from _unequal(f"{cell_name(cell)}, {name}", cell.scores[name], value)
    stated, found = (scores.model_dump(mode="json") for scores in (entry.scores, again.scores))
    for name in found:
        if name in entry.scores.model_fields_set:
            yield from _unequal(name, stated[name], found[name])


def _unequal(where: str, stated: Any, found: Any) -> Iterator[str]:
    if isinstance(stated, dict) and isinstance(found, dict):
        for name in dict.fromkeys([*stated, *found]):
            yield from _unequal(f"{where}.{name}", stated.get(name), found.get(name))
    elif isinstance(stated, list) and isinstance(found, list) and len(stated) == len(found):
        for number, (a, b) in enumerate(zip(stated, found, strict=True)):
            yield from _unequal(f"{where}.{number}", a, b)
    elif isinstance(stated, float) and isinstance(found, float):
        if not abs(stated - found) <= CLOSE * max(1.0, abs(found)):
            yield f"{where}: stated {stated!r}, counted {found!r}"
    elif stated != found:
        yield f"{where}: stated {_short(stated)}, counted {_short(found)}"


def _short(value: Any) -> str:
    return "nothing" if value is None else str(value)[:60]
