"""Cells as Slurm jobs, through submitit: one array whose elements take a share of the cells each. The disk is shared.

An element that runs out of time is put back into the queue and goes on from its cells' last checkpoints; one that is
lost otherwise is submitted again. How far cells are is read off their run folders. `cluster=local` does all that in
processes of this machine, without Slurm.
"""

import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import current_thread, main_thread
from types import TracebackType
from typing import Any, Self

import submitit

from wgbench import runs
from wgbench.errors import LaunchFailed, WgbenchError, WorkerDied
from wgbench.launch.base import (
    AGAIN,
    Call,
    Follow,
    Queue,
    Registered,
    Report,
    exported,
    function,
    modules,
    pools,
)
from wgbench.launch.job import Job, Progress
from wgbench.launch.losses import Losses, where
from wgbench.launch.slurm_array import Options, Share, executor
from wgbench.launch.speed import last_lines

FOLDER = "slurm"  # of the store: scripts, logs, what goes to jobs and what comes back
LARGEST = 1000  # elements of an array; Slurm's own limit is 1001 unless it is changed
LOOK = 1.0  # seconds between looks at run folders
STOPPING = 15.0  # seconds that cancelled jobs are waited for


@dataclass
class Element:
    """A submitted share."""

    handle: "submitit.Job[list[tuple[str, WgbenchError]]]"
    jobs: tuple[Job, ...]


class SlurmJobs:
    """Jobs as elements of arrays, `jobs` of which run at once: as many as Slurm lets if None."""

    def __init__(
        self, jobs: int | None, threads: int, registered: Registered, options: Options, say: Callable[[str], None]
    ) -> None:
        self.jobs, self.threads, self.registered, self.options, self.say = jobs, threads, registered, options, say
        self.elements: list[Element] = []
        self.losses = Losses()
        self.seen: dict[str, tuple[int, int]] = {}  # how far each cell was when it was last looked at

    def __enter__(self) -> Self:
        if self.options.cluster == "slurm" and shutil.which("srun") is None:
            remedy = "go to a login node of a cluster, or take --launcher local"
            raise LaunchFailed("--launcher slurm", "there is no Slurm here (no srun)", remedy)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        going = [element.handle for element in self.elements]
        for number, handle in {handle.job_id.partition("_")[0]: handle for handle in going}.items():
            whole = handle if handle.job_id == number else submitit.SlurmJob(handle.paths.folder, number)
            whole.cancel(check=False)
        until = time.monotonic() + STOPPING
        while self.options.cluster == "local" and time.monotonic() < until and not all(h.done() for h in going):
            time.sleep(0.1)

    def device(self, asked: str) -> str:
        """A GPU if elements have one and nothing else is said; which one is Slurm's to choose."""
        if asked == "auto":
            return "cuda" if self.options.gpus else "cpu"
        return "cuda" if asked.startswith("cuda:") else asked

    def call(self, name: str, *arguments: Any) -> Any:
        """The result of a function, "module:name", in this process."""
        return function(name)(*arguments)

    def run(self, jobs: Sequence[Job | Call], report: Report, follow: Follow | None = None) -> None:
        """Run all jobs; see `Launcher.run`."""
        queue, waiting = Queue(jobs, follow), dict[str, Job]()
        while True:
            new = list(iter(queue.job, None))
            waiting |= {job.cell.id: job for job in new}
            if not waiting:
                break
            if new:
                self._submit(new)
            self._look(waiting, queue, report)
            for element in [element for element in self.elements if element.handle.done()]:
                self._look(waiting, queue, report)
                self._ended(element, waiting, queue)
            time.sleep(LOOK)
        for element in self.elements:  # their cells are done: they are about to end
            element.handle.wait()
            _forget(element)
        self.elements = []

    def _submit(self, jobs: Sequence[Job]) -> None:
        """Submit jobs as one array; those that come first are dealt out first."""
        most = (self.jobs or 1) if self.options.cluster == "local" else LARGEST
        n = min(len(jobs), most)
        here = [_absolute(job) for job in jobs]
        shares = [tuple(here[i::n]) for i in range(n)]
        options, folder = self.options, here[0].store / FOLDER
        try:
            with exported({**pools(self.threads), **modules()}), _interruptible():
                array = executor(options, folder, here[0].device, self.threads, self.jobs)
                with array.batch():
                    handles = [
                        array.submit(Share(share, self.registered, options.at_once, self.threads)) for share in shares
                    ]
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError, OSError) as problem:
            said = [line for line in str(problem).splitlines() if line.strip(" -")]
            wrong = f"the array was refused ({said[-1].strip() if said else type(problem).__name__})"
            raise LaunchFailed("--launcher slurm", wrong, "mend the --launcher-option that it names") from None
        self.elements += [Element(handle, share) for handle, share in zip(handles, shares, strict=True)]

    def _look(self, waiting: dict[str, Job], queue: Queue, report: Report) -> None:
        """Tell how far cells are, and which jobs are done."""
        for job in list(waiting.values()):
            for cell in job.cells:
                lines = last_lines(runs.folder(job.store, cell) / runs.CURVES)
                if lines and self.seen.get(cell.id) != (lines[-1]["stage"], lines[-1]["epoch"]):
                    stage, epoch = self.seen[cell.id] = lines[-1]["stage"], lines[-1]["epoch"]
                    seconds = sum(lines[-1]["seconds"].values())
                    report(Progress(cell.id, stage, epoch, cell.recipe.epochs, seconds, None))
            if all(_done(runs.folder(job.store, cell), job.may_fail) for cell in job.cells):
                queue.ended(waiting.pop(job.cell.id))

    def _ended(self, element: Element, waiting: dict[str, Job], queue: Queue) -> None:
        """Hand on what an element comes to; where it was lost, what it has not done is submitted again."""
        self.elements.remove(element)
        mine = [waiting.pop(job.cell.id) for job in element.jobs if job.cell.id in waiting]
        try:
            problems = dict(element.handle.result())
        except (submitit.core.utils.UncompletedJobError, submitit.core.utils.FailedJobError) as problem:
            failed = isinstance(problem, submitit.core.utils.FailedJobError)
            why = f"see {element.handle.paths.stderr}"
            for i, job in enumerate(mine):
                try:
                    if failed:
                        raise WorkerDied(f"cell {job.cell.id}", f"its worker failed ({why})", AGAIN)
                    again = job
                    if i == 0:  # the one that was under way
                        again = self.losses.again(job, why)
                        self.say(f"the worker of cell {job.cell.id} was lost ({why}): it is run again, {where(job)}")
                    queue.tasks.append(again)
                except WorkerDied as last:
                    queue.ended(job, last)
            return
        if not problems:
            _forget(element)
        for job in mine:
            queue.ended(job, problems.get(job.cell.id))


def _absolute(job: Job) -> Job:
    """A job whose paths mean the same in any folder."""
    data, weights = (path and path.absolute() for path in (job.data, job.weights))
    return replace(job, store=job.store.absolute(), cache=job.cache.absolute(), data=data, weights=weights)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Processes that are started here heed the SIGINT that ends them, even if this one was told not to (nohup)."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN and current_thread() is main_thread()
    if ignored:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _done(path: Path, may_fail: bool) -> bool:
    return runs.finished(path) or (may_fail and runs.failed(path))


def _forget(element: Element) -> None:
    """Remove what submitit keeps of an element that ended well; the folder goes with the last."""
    paths = element.handle.paths
    for path in (paths.submitted_pickle, paths.result_pickle, paths.stdout, paths.stderr, paths.submission_file):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        paths.folder.rmdir()
