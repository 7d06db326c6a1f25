"""The functions: make a plug-in, run it, run a suite, read what is there."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import wgbench
from wgbench import options, protocol, suite_file
from wgbench.api.given import numbers
from wgbench.api.named import named
from wgbench.api.result import Result
from wgbench.api.results import Results
from wgbench.cli.progress import Display, SuiteDisplay
from wgbench.errors import BadOption, WgbenchError
from wgbench.registry import plural
from wgbench.request import Observer, Request
from wgbench.results import ground, stored
from wgbench.tracking.base import Tracker, trackers
from wgbench.tracking.observer import Tracked

Place = str | Path
PLACES = ("weights", "data_dir", "store")
# Of a request, what `run` and `run_suite` take by their own names, or not at all.
OWN = frozenset({"algorithm", "dataset", "backbone", "seeds", "weight_decays", "epochs", "settings", "tune", "store"})


def make(kind: str, name: str, /, **fields: Any) -> Any:
    """A plug-in by its kind and name; `fields` are its options, validated.

    >>> make("algorithm", "gdro", nu=0.1)
    GroupDRO(nu=0.1, ...)
    >>> make("dataset", "colored-digits").group_names
    ('even-red', 'even-green', 'odd-red', 'odd-green')
    >>> make("algorithm", "grdo")
    Traceback (most recent call last):
    wgbench.errors.UnknownName: algorithm 'grdo': no such name; did you mean gdro? ...
    """
    return getattr(wgbench, plural(f"make {kind}", kind)).make(name, **fields)


def run(
    algorithm: Any,
    dataset: Any,
    backbone: Any = None,
    *,
    seeds: Iterable[int] | None = None,
    weight_decays: Iterable[float] | None = None,
    epochs: int | None = None,
    settings: Mapping[str, Any] | None = None,
    tune: int = 0,
    runs: Place = "runs",
    jobs: int | None = 1,
    progress: bool = True,
    log: Sequence[str] = (),
    **circumstances: Any,
) -> Result:
    """The protocol for one algorithm on one dataset: what `wgbench run` does, and the same files in `runs`.

    Plug-ins are given by name, or as `make` builds them; None of a narrowing option is the dataset's default.
    `settings` are those of `--set` (`{"nu": 0.1, "recipe.lr": 0.01}`), `circumstances` the other options of the verb
    (`device="cuda"`, `data_dir="~/data"`, `keep=True`, `baseline=False`), `log` names trackers (`["tensorboard"]`).
    What is trained already is not trained again.

    `jobs=1` trains in this process, which works in notebooks and scripts alike. More of them, or None for as many as
    cores, start processes that import the main script: put the call under `if __name__ == "__main__":` there.

    >>> algorithm = make("algorithm", "gdro", nu=0.1)
    >>> narrow = dict(seeds=[2002, 2022], weight_decays=[0, 0.1], epochs=20, progress=False)
    >>> result = run(algorithm, "colored-digits", **narrow)
    >>> result.entry.algorithm.options["nu"], result.entry.partial[0]
    (0.1, 'seeds 2002,2022 instead of 2002,2022,2042,2062,2082')
    >>> result.scores.loc[["wga_selected", "wga_final"], "n"].tolist()
    [2, 2]
    """
    of_algorithm, of_dataset = named("algorithm", algorithm), named("dataset", dataset)
    of_backbone = named("backbone", backbone) if backbone is not None else (None, {})
    chosen = of_algorithm[1] | of_dataset[1] | of_backbone[1]
    request = Request(
        algorithm=of_algorithm[0],
        dataset=of_dataset[0],
        backbone=of_backbone[0],
        seeds=numbers("seeds", seeds),
        weight_decays=numbers("weight_decays", weight_decays),
        epochs=epochs,
        settings={**chosen, **(settings or {})},
        tune=tune,
        **_circumstances("wgbench.run", runs, jobs, circumstances),
    )
    with Display() as display, Tracked(display if progress else Observer(), _trackers(log, runs)) as observer:
        done = protocol.run(request, observer)
    return Result(stored.Stored(done.entry, done.folder))


def run_suite(
    suite: Place,
    *,
    only: str | None = None,
    runs: Place = "runs",
    jobs: int | None = 1,
    progress: bool = True,
    log: Sequence[str] = (),
    **circumstances: Any,
) -> Results:
    """All entries of a suite, by its name or file, in one queue; `only` is a shell pattern.

    >>> table = run_suite("smoke", progress=False)
    >>> sorted(table.table["algorithm"])
    ['erm', 'gdro']
    """
    common = _circumstances("wgbench.run_suite", runs, jobs, circumstances)
    items = [i for i in suite_file.find(str(suite))[1].items(common) if only is None or i.matches(only)]
    if not items:
        raise BadOption(f"only={only!r}", f"no entry of suite {suite} fits", "`wgbench suite status` lists them")
    names = {id(item.request): item.name for item in items}
    with SuiteDisplay(names) as display, Tracked(display if progress else Observer(), _trackers(log, runs)) as observer:
        done = protocol.run_all([item.request for item in items], observer)
    for outcome in done:
        if isinstance(outcome, WgbenchError):
            raise outcome
    return Results(tuple(Result(stored.Stored(o.entry, o.folder)) for o in done if not isinstance(o, WgbenchError)))


def load(folder: Place) -> Result:
    """The entry in a folder; BadEntry says what is wrong with it."""
    return Result(stored.load(Path(folder).expanduser()))


def entries(*places: Place) -> Results:
    """Every entry in folders and below them, `runs/entries` if none is named."""
    found = ground.find([Path(place).expanduser() for place in places or ("runs/entries",)])
    return Results(tuple(map(Result, found)))


def _circumstances(asked: str, runs: Place, jobs: int | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The remaining fields of a request, paths as paths; BadOption for one that there is not."""
    known = {f.name for f in dataclasses.fields(Request)} - OWN
    for name in given:
        if name not in known:
            raise BadOption(asked, f"no option {name!r}", options.suggestion(name, known))
    found = {"store": runs, "jobs": jobs, **given}
    return {k: Path(v).expanduser() if k in PLACES and v is not None else v for k, v in found.items()}


def _trackers(log: Sequence[str], runs: Place) -> list[Tracker]:
    return trackers(log, Path(runs).expanduser())
