"""A protocol run: cells to workers, finished runs to entries. The one thing that every verb and the API call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import wgbench
from wgbench import runs
from wgbench.config import Cell
from wgbench.disk import write_whole, writing
from wgbench.errors import SuiteFailed, UnknownName, WgbenchError
from wgbench.launch.base import Call, Launcher, cores
from wgbench.launch.choose import launcher
from wgbench.launch.job import Job, together
from wgbench.launch.speed import longest_first
from wgbench.registry import KINDS
from wgbench.request import Observer, Request, Result
from wgbench.suite_plans import Foreseen, Plans

Outcome = Result | WgbenchError


def run(request: Request, observer: Observer | None = None) -> Result:
    """Run what is not finished yet, and write the entry. Interrupted at any moment, the same call goes on."""
    (outcome,) = run_all([request], observer, rewrite=True)
    if isinstance(outcome, WgbenchError):
        raise outcome
    return outcome


def run_all(
    requests: Sequence[Request],
    observer: Observer | None = None,
    *,
    keep_going: bool = False,
    rewrite: bool = False,
) -> list[Outcome]:
    """Serve requests on one store: all cells in one queue, the longest first, and each entry as soon as it can be.

    What stands in the way of any of them is found before anything is trained. The first problem ends everything,
    unless `keep_going`: then it takes the place of its request's result. Entries that are there, and need no training,
    are left as they are unless `rewrite`.
    """
    observer, first = observer or Observer(), requests[0]
    served = [_Served(request, request, request) for request in requests]
    every = _All(served, observer, keep_going, rewrite)
    # Misspelt names and unusable folders are said at once, before anything heavy is imported.
    every.each(served, lambda s: _known(s.request))
    every.decide()
    _usable(first.store)
    registered = {kind: getattr(wgbench, kind).registry.registered() for kind in KINDS}
    with launcher(
        first.launcher,
        first.launcher_options,
        jobs=first.jobs,
        cores=processes(first.device),
        threads=first.threads,
        registered=registered,
        say=observer.say,
    ) as workers:
        for s in served:
            s.request = s.settled = replace(s.asked, device=workers.device(s.asked.device))
        every.search(workers)
        every.train(workers)
    return [s.outcome for s in served if s.outcome is not None]


@dataclass
class _Served:
    """A request on its way to an entry."""

    asked: Request
    request: Request  # on the device that it comes down to
    settled: Request  # and with the options that a search chose
    entry: str = ""  # the id that it will have
    baseline: str = ""  # the id of ERM's entry with the same grid
    jobs: list[Job] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)  # cells that are not done
    outcome: Outcome | None = None


@dataclass
class _All:
    """Requests that are served together."""

    served: list[_Served]
    observer: Observer
    keep_going: bool
    rewrite: bool

    @property
    def going(self) -> list[_Served]:
        """Those that nothing stands in the way of, and that are not done."""
        return [s for s in self.served if s.outcome is None]

    def each(self, some: Sequence[_Served], do: Callable[[_Served], None]) -> None:
        """Do something for some of them; a problem is that one's own."""
        for s in some:
            try:
                do(s)
            except WgbenchError as problem:
                self.refuse(s, problem)

    def refuse(self, s: _Served, problem: WgbenchError) -> None:
        """Give one up."""
        s.outcome = problem
        if len(self.served) > 1:
            self.observer.refused(s.asked, problem)

    def decide(self) -> None:
        """End here if there were problems, unless the others are to go on."""
        problems = [s.outcome for s in self.served if isinstance(s.outcome, WgbenchError)]
        if not problems or (self.keep_going and self.going):
            return
        if len(self.served) == 1:
            raise problems[0]
        remedy = "mend that" + (", or add --keep-going to run the others" if self.going else "")
        wrong = f"{len(problems)} of {len(self.served)} entries cannot be run, the first for {problems[0]}"
        raise SuiteFailed("suite", wrong.replace(";", ","), remedy)

    def search(self, workers: Launcher) -> None:
        """Plan everything, and train the configurations of searches until what they choose is known."""
        self._plan(workers, [s for s in self.going if not s.request.tune])
        searching = [s for s in self.going if s.request.tune]

        def begin(s: _Served) -> None:
            s.jobs = workers.call("wgbench.tuning:jobs", s.request)

        self.each(searching, begin)
        self.decide()
        searching = [s for s in searching if s.outcome is None]
        if searching:
            self._run(workers, searching, conclude=False)
            searching = [s for s in searching if s.outcome is None]
            self.each(searching, lambda s: self._settle(workers, s))
            self._plan(workers, [s for s in searching if s.outcome is None])
            self.decide()

    def train(self, workers: Launcher) -> None:
        """Train what is not done, and write the entries."""
        self._run(workers, self.going, conclude=True)

    def _plan(self, workers: Launcher, some: Sequence[_Served]) -> None:
        for s, planned in zip(some, workers.call("wgbench.planning:jobs", [s.settled for s in some]), strict=True):
            if isinstance(planned, WgbenchError):
                self.refuse(s, planned)
                continue
            s.entry, s.baseline, s.jobs = planned.entry, planned.baseline, planned.jobs
            whose = f"{s.request.algorithm} on {s.request.dataset}: " if len(self.served) > 1 else ""
            for line in planned.advice:
                self.observer.say(whose + line)
        if len(self.served) > 1:  # for `suite status`
            kept = [s for s in some if s.jobs]
            asked = [replace(s.settled, device=s.asked.device) for s in kept]
            found = [Foreseen.of(s.entry, (job.cell for job in s.jobs)) for s in kept]
            Plans(self.served[0].request.store).keep(zip(asked, found, strict=True))

    def _settle(self, workers: Launcher, s: _Served) -> None:
        """Take over what a search chose."""
        s.settled, tuning = workers.call("wgbench.tuning:settle", s.request)
        best = tuning.drawn[tuning.chosen]
        chosen = ", ".join(f"{name}={value}" for name, value in best.options.items())
        of = f" for {s.request.algorithm} on {s.request.dataset}" if len(self.served) > 1 else ""
        self.observer.say(f"{tuning.label} chose {chosen}{of}, worst group {best.val:.1%} on val")

    def _run(self, workers: Launcher, some: Sequence[_Served], *, conclude: bool) -> None:
        """Run the jobs that are not done, and write entries when nothing of theirs is left to do."""
        jobs = {job.cell.id: job for s in some for job in s.jobs}
        todo = {cell: job for cell, job in jobs.items() if not _done(job)}
        own = {s.entry: {job.cell.id for job in s.jobs} for s in some}
        for s in some:  # where ERM's whole grid is trained here too, its entry is the baseline
            s.waiting = (own[s.entry] | own.get(s.baseline, set())) & todo.keys()
        cells: list[Cell] = [job.cell for job in todo.values()]
        if len(some) > 1 or (some[:1] and some[0].request.launcher != "local"):
            cells = longest_first(cells, some[0].request.store)
        self.observer.planned([job.cell for job in jobs.values()], cells)

        def follow(job: Job, problem: WgbenchError | None) -> list[Call]:
            ended = {cell.id for cell in job.cells}
            waited = [s for s in some if ended & s.waiting]
            for s in waited:
                s.waiting -= ended
                if problem is not None and ended & own[s.entry]:
                    self._failed(s, problem)
            return [self._conclusion(s) for s in waited if conclude and not s.waiting and s.outcome is None]

        ready = [self._conclusion(s) for s in some if conclude and not s.waiting and not self._there(s)]
        workers.run([*ready, *together(todo[cell.id] for cell in cells)], self.observer.progress, follow)

    def _there(self, s: _Served) -> bool:
        """Whether an entry that needs no training is there already; it is the outcome then."""
        from wgbench.results.schema import ENTRY, read

        folder = s.request.store / "entries" / s.entry
        if self.rewrite or s.request.tune or not (folder / ENTRY).is_file():
            return False
        s.outcome = Result(read(folder), folder)
        return True

    def _conclusion(self, s: _Served) -> Call:
        """The call that writes an entry."""

        def then(content: tuple[object, Path] | WgbenchError) -> None:
            if isinstance(content, WgbenchError):
                self._failed(s, content)
                return
            s.outcome = Result(*content)  # type: ignore[arg-type]
            self.observer.concluded(s.asked, s.outcome)

        return Call("wgbench.conclusion:conclude", (s.request,), then)

    def _failed(self, s: _Served, problem: WgbenchError) -> None:
        """A problem on the way ends everything, or this request alone."""
        if not self.keep_going:
            raise problem
        if s.outcome is None:
            self.refuse(s, problem)


def _known(request: Request) -> None:
    """The error of a misspelt name, or of names in the wrong order."""
    algorithm, dataset = request.algorithm, request.dataset
    if _is(wgbench.datasets, algorithm) and _is(wgbench.algorithms, dataset) and not _is(wgbench.algorithms, algorithm):
        raise UnknownName(
            f"algorithm {algorithm!r}",
            f"{algorithm} is a dataset, and {dataset} an algorithm",
            f"write the algorithm first: `wgbench run {dataset} {algorithm}`",
        )
    wgbench.algorithms.info(request.algorithm)
    wgbench.datasets.info(request.dataset)
    wgbench.backbones.info(request.backbone or "mlp")


def _is(kind: Any, name: str) -> bool:
    """Whether a kind has a plug-in of this name."""
    try:
        kind.info(name)
    except WgbenchError:
        return False
    return True


def _done(job: Job) -> bool:
    folder = runs.folder(job.store, job.cell)
    return runs.finished(folder) or (job.may_fail and runs.failed(folder))


def processes(device: str) -> int:
    """As many processes as there are cores for this one; one process where a GPU does the work."""
    return 1 if device.startswith("cuda") else cores()


def _usable(store: Path) -> None:
    """Fail before any work if the store cannot be written."""
    with writing(store):
        store.mkdir(parents=True, exist_ok=True)
        write_whole(store / ".writable", b"x")
        (store / ".writable").unlink()
