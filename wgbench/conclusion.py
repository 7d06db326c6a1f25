"""The end of a request: finished runs read back, ERM's beside them, the entry written."""

from dataclasses import replace
from pathlib import Path

from wgbench.planning import Plan, plan
from wgbench.request import Request
from wgbench.results.entry import Baseline, baseline_of, build, read_run, write
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
    """ERM's entry: the one with the full grid if it is in the store, else one of weight decay 0, written now."""
    if not made.baselines:
        return None
    store, (full, plain) = made.request.store, made.baselines
    found = [read_run(store, cell) for cell in plain.cells()]
    for subject in (full, plain):
        if (store / "entries" / subject.digest() / ENTRY).is_file():
            return baseline_of(subject.digest(), found, plain.protocol)
    entry, files = build(plain, found, made.described(plain), made.target(), None)
    write(store, entry, files)
    return baseline_of(entry.id, found, plain.protocol)
