"""The end of a request: finished runs read back, ERM's beside them, the entry written."""

from dataclasses import replace
from pathlib import Path

from wgbench import runs
from wgbench.planning import Plan, plan
from wgbench.request import Request
from wgbench.results.entry import Baseline, Subject, baseline_of, build, write
from wgbench.results.finished import read_run
from wgbench.results.schema import ENTRY, Entry
from wgbench.tuning import settle


def conclude(request: Request) -> tuple[Entry, Path]:
    """Write the entry of a request whose cells are all finished; the entry and its folder."""
    settled, tuning = settle(request)
    made, _ = plan(settled)
    found = [read_run(request.store, cell) for cell in made.subject.cells()]
    described = replace(made.described(made.subject), command=request.command(), tuning=tuning)
    entry, files = build(made.subject, found, described, made.target(), _baseline(made))
    return entry, write(request.store, entry, files)


def _baseline(made: Plan) -> Baseline | None:
    """ERM's entry, written now if it is missing: of the full grid if that is trained, else of weight decay 0."""
    if not made.baselines:
        return None
    store, (full, plain) = made.request.store, made.baselines
    found = [read_run(store, cell) for cell in plain.cells()]
    chosen = full if _there(store, full) or _trained(store, full) else plain
    if not _there(store, chosen):
        own = found if chosen is plain else [read_run(store, cell) for cell in chosen.cells()]
        entry, files = build(chosen, own, made.described(chosen), made.target(), None)
        write(store, entry, files)
    return baseline_of(chosen.digest(), found, plain.protocol)


def _there(store: Path, subject: Subject) -> bool:
    return (store / "entries" / subject.digest() / ENTRY).is_file()


def _trained(store: Path, subject: Subject) -> bool:
    return all(runs.finished(runs.folder(store, cell)) for cell in subject.cells())
