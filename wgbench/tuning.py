"""Hyper-parameters by a declared search: a few draws from the ranges that an algorithm declares, chosen on val.

`searched(8)` is the algorithm's default for the dataset and seven draws, each trained once without weight decay at a
seed that no protocol uses, to the full horizon. The best val worst-group accuracy, mean over the last epochs, wins, and
the first on ties; test is not looked at. A draw is a function of the algorithm's name and version, the option and the
draw's number: the same for everybody. Options that are set by hand stay as they are, and are not searched. Where the
default wins, the entry's id is that of the default's entry, with the same numbers; it says that it was searched for.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

from wgbench import algorithms, drafting, runs
from wgbench import options as opts
from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import Range
from wgbench.bits import uniform
from wgbench.config import LAST, Cell
from wgbench.drafting import draft, needed
from wgbench.errors import AlgorithmFailed, BadOption
from wgbench.evaluation.cell_scores import cell_scores
from wgbench.launch.job import Job
from wgbench.planning import Plan, plan
from wgbench.request import Request
from wgbench.results.entry import Subject
from wgbench.results.finished import read_run
from wgbench.results.schema import Candidate, Tuning
from wgbench.suite_plans import Foreseen

SEED = 1999
TRIES = 100  # draws for each configuration that is wanted, before a small set of choices counts as exhausted


@dataclass(frozen=True)
class Search:
    """A search made concrete: its plan, the options that every configuration changes, and their cells."""

    plan: Plan
    drawn: tuple[dict[str, Any], ...]
    cells: tuple[Cell, ...]


def jobs(request: Request) -> list[Job]:
    """The cells of a request's search; one that its algorithm cannot train to the end is no error."""
    found = _search(request)
    return [replace(found.plan.job(cell), may_fail=True, keep=False) for cell in found.cells]


def settle(request: Request) -> tuple[Request, Tuning]:
    """The request with the options that its search chose, and the search's record; itself where it asks for none.

    All cells of the search must have been run. AlgorithmFailed if none of them could be trained.
    """
    if not request.tune:
        return request, Tuning()
    found = _search(request)
    candidates = tuple(_candidate(request, o, c) for o, c in zip(found.drawn, found.cells, strict=True))
    best = max(range(len(candidates)), key=lambda i: _value(candidates[i]))
    if candidates[best].val is None:
        wrong = f"none of {len(candidates)} configurations could be trained"
        raise AlgorithmFailed(f"--tune {request.tune}", wrong, "choose options by hand: --set NAME=VALUE")
    settings = {**request.settings, **found.drawn[best]}
    tuning = Tuning(configurations=len(candidates), selected_on="val", seed=SEED, drawn=candidates, chosen=best)
    return replace(request, settings=settings, tune=0), tuning


def foreseen(request: Request) -> Foreseen:
    """The cells that a request comes down to, as far as that is known without preparing data or training."""
    if not request.tune:
        subject = drafting.foreseen(request)
        return Foreseen.of(subject.digest(), needed(request, subject))
    alone = _alone(request)
    _, searched = _configurations(request, drafting.foreseen(alone), draft(alone).algorithm)
    if all(_ended(request.store, cell) for cell in searched):
        settled, _ = settle(request)
        subject = drafting.foreseen(settled)
        return Foreseen.of(subject.digest(), [*searched, *needed(settled, subject)])
    by_default = replace(request, tune=0)
    return Foreseen.of("", searched, undecided=needed(by_default, drafting.foreseen(by_default)))


def draws(name: str, version: int, ranges: Mapping[str, Range], default: Mapping[str, Any], n: int) -> list[Any]:
    """`n` different configurations, the default first; fewer where the ranges do not hold so many."""
    found = [dict(default)]
    for number in islice(count(1), n * TRIES):
        if len(found) == n:
            break
        drawn = {option: ranges[option].at(_share(name, version, option, number)) for option in ranges}
        if drawn not in found:
            found.append(drawn)
    return found


def _share(name: str, version: int, option: str, number: int) -> float:
    """The draw from [0, 1) of an option."""
    key = hashlib.sha256(f"{name} {version} {option}".encode()).digest()[:8]
    return float(uniform(1, int.from_bytes(key, "big"), number)[0])


def _search(request: Request) -> Search:
    made, _ = plan(_alone(request))
    drawn, cells = _configurations(request, made.subject, made.algorithm)
    return Search(made, drawn, cells)


def _alone(request: Request) -> Request:
    """One seed of the search, without weight decay and without ERM."""
    if SEED in (request.seeds or ()):
        raise BadOption(f"--seeds {SEED}", "the search uses that seed", "take another one")
    # Every configuration is one cell: there are no others that it could be trained with.
    return replace(request, tune=0, seeds=(SEED,), weight_decays=(0.0,), baseline=False, vectorize="off")


def _configurations(
    request: Request, subject: Subject, algorithm: Algorithm
) -> tuple[tuple[dict[str, Any], ...], tuple[Cell, ...]]:
    """The options that every configuration changes, and their cells."""
    found = algorithms.registry.find(request.algorithm)
    given = request.settings_of("algorithm")
    ranges = {option: at for option, at in found.target.search.items() if option not in given}
    asked = f"--tune {request.tune}"
    if not ranges:
        wrong = f"{found.name} declares no ranges" + (" but for what --set fixes" if found.target.search else "")
        raise BadOption(asked, f"{wrong}: there is nothing to search", "run without --tune")
    if subject.recipe.epochs < LAST:
        wrong = f"configurations are compared by their last {LAST} epochs, and there are {subject.recipe.epochs}"
        raise BadOption(asked, wrong, f"take --epochs {LAST} or more")
    own = subject.algorithm
    default = {option: own.options[option] for option in ranges}
    drawn = draws(found.name, own.version, ranges, default, request.tune)
    return tuple(drawn), tuple(_cell(subject, algorithm, options) for options in drawn)


def _ended(store: Path, cell: Cell) -> bool:
    folder = runs.folder(store, cell)
    return runs.finished(folder) or runs.failed(folder)


def _cell(subject: Subject, algorithm: Algorithm, options: Mapping[str, Any]) -> Cell:
    """The cell of one configuration."""
    own = subject.algorithm
    built = opts.build(type(algorithm), {**own.options, **options}, f"a draw for {own.name}")
    record = own.model_copy(update={"options": opts.dump(built)})
    (cell,) = subject.model_copy(update={"algorithm": record}).cells()
    return cell


def _candidate(request: Request, options: dict[str, Any], cell: Cell) -> Candidate:
    folder = runs.folder(request.store, cell)
    if runs.failed(folder) and not runs.finished(folder):
        return Candidate(options=options, cell=cell.id, val=None)
    scores = cell_scores(read_run(request.store, cell).curves, (1, 1), LAST)
    return Candidate(options=options, cell=cell.id, val=scores["val_wga_final"])


def _value(candidate: Candidate) -> float:
    return -1.0 if candidate.val is None else candidate.val
