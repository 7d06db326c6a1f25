"""An observer that tells trackers too. Training never fails for one of them."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from wgbench.config import Cell
from wgbench.errors import WgbenchError
from wgbench.launch.job import Progress
from wgbench.request import Observer, Request, Result
from wgbench.tracking.base import Tracker


class Tracked(Observer):
    """Hands everything on to another observer, and epochs and entries to trackers."""

    def __init__(self, inner: Observer, trackers: Sequence[Tracker]) -> None:
        self.inner, self.trackers = inner, list(trackers)
        self.cells: dict[str, Cell] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._each(lambda tracker: tracker.close())

    def say(self, text: str) -> None:
        """Hand it on."""
        self.inner.say(text)

    def planned(self, cells: Sequence[Cell], todo: Sequence[Cell]) -> None:
        """Remember which cells there are."""
        self.cells |= {cell.id: cell for cell in cells}
        self.inner.planned(cells, todo)

    def progress(self, progress: Progress) -> None:
        """Hand it on, and the record of the epoch to the trackers."""
        self.inner.progress(progress)
        if progress.record:
            self._each(lambda tracker: tracker.epoch(self.cells[progress.cell], progress))

    def refused(self, request: Request, problem: WgbenchError) -> None:
        """Hand it on."""
        self.inner.refused(request, problem)

    def concluded(self, request: Request, result: Result) -> None:
        """Hand it on, to the trackers too."""
        self.inner.concluded(request, result)
        self._each(lambda tracker: tracker.concluded(result))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        """Tell all trackers; one that fails (its server is gone) is told no more."""
        for tracker in list(self.trackers):
            try:
                tell(tracker)
            except Exception as problem:  # of other people's packages and networks
                self.trackers.remove(tracker)
                name = type(tracker).__name__
                self.inner.say(
                    f"{name} is left out from here on ({type(problem).__name__}: {problem}); training goes on"
                )
