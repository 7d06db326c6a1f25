"""Live progress on stderr: all cells together, and each that is running."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from wgbench.cli.console import console
from wgbench.config import Cell
from wgbench.errors import WgbenchError
from wgbench.request import Observer, Request, Result

if TYPE_CHECKING:
    from wgbench.launch.job import Progress as Step

LONG = 600.0  # seconds: a longer run is announced, with what would shorten it
SETTLED = 5.0  # seconds of training after which its speed can be judged


class Display(Observer):
    """Bars in a terminal; a line per finished cell elsewhere."""

    def __init__(self) -> None:
        self.console = console(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self.cells: dict[str, Cell] = {}
        self.rows: dict[str, TaskID] = {}
        self.at: dict[tuple[str, int], int] = {}  # the epoch of each stage of a cell; it falls where a worker was lost
        self.total: TaskID | None = None
        self.first: float | None = None  # when the first epoch ended: starting up says nothing of speed
        self.finished: set[str] = set()
        self.epochs = self.done = 0
        self.announced = self.several = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.total is not None:  # started
            self.bars.stop()

    def say(self, text: str) -> None:
        """A line above the bars."""
        self.console.print(f"note: {text}")

    def planned(self, cells: Sequence[Cell], todo: Sequence[Cell]) -> None:
        """Start the clock and the bars."""
        if self.total is not None:  # the search is over, the protocol begins
            self.bars.remove_task(self.total)
            self.first, self.done, self.finished, self.at = None, 0, set(), {}
        self.bars.start()
        self.cells, self.rows = {c.id: c for c in todo}, {}
        self.several = len({c.dataset.name for c in todo}) > 1
        self.epochs = sum(c.recipe.epochs for c in todo)
        if len(todo) < len(cells):
            self.console.print(f"{len(cells) - len(todo)} of {len(cells)} cells are done already")
        self.total = self.bars.add_task(f"{len(todo)} cells", total=self.epochs, text="epochs")

    def progress(self, progress: "Step") -> None:
        """One more epoch of a cell, or several."""
        stage = progress.cell, progress.stage
        self.done += progress.epoch - self.at.get(stage, progress.epoch - 1)
        self.at[stage] = progress.epoch
        self.first = self.first or time.monotonic()
        name = _named(self.cells[progress.cell], self.several)
        text = "" if progress.worst_group is None else f"worst group {progress.worst_group:5.1%}"
        if progress.cell not in self.rows:
            self.rows[progress.cell] = self.bars.add_task(f"  {name}", total=progress.epochs, text=text)
            if not self.console.is_terminal and len(self.rows) == 1 and not self.finished:
                self.console.print(f"{name}: epoch {progress.epoch}, {text}".rstrip(", "))
        self.bars.update(self.rows[progress.cell], completed=progress.epoch, text=text)
        spent = time.monotonic() - self.first
        left = spent / max(self.done - 1, 1) * (self.epochs - self.done)
        if self.total is not None:
            self.bars.update(self.total, completed=self.done, text=f"epochs, about {span(left)} left")
        if not self.announced and spent > SETTLED and left > LONG:
            self.announced = True
            shorter = "--seeds, --wd and --epochs narrow it (the entry is then marked partial)"
            self.console.print(f"this will take about {span(left)}; {shorter}")
        if progress.epoch == progress.epochs:
            self.bars.remove_task(self.rows.pop(progress.cell))
            if not self.console.is_terminal and progress.cell not in self.finished:
                line = f"[{len(self.finished) + 1}/{len(self.cells)}] {name}: {text}"
                self.console.print(line.rstrip(": "))
            self.finished.add(progress.cell)


class SuiteDisplay(Display):
    """The same for many entries, a line for each that is written or cannot be; `names` by the identity of requests."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.names = names

    def refused(self, request: Request, problem: WgbenchError) -> None:
        """A line for an entry that cannot be run."""
        self.console.print(f"{self.names[id(request)]}: {problem}", style="red")

    def concluded(self, request: Request, result: Result) -> None:
        """A line for an entry that is written."""
        self.console.print(f"entry {result.entry.id}: {self.names[id(request)]}")


def _named(cell: Cell, dataset: bool = False) -> str:
    """A cell in a few words; the loss where it is another than usual, the dataset where there are several."""
    words = [cell.algorithm.name, *([cell.loss.name] if cell.loss.name != "cross-entropy" else [])]
    words += [f"on {cell.dataset.name}"] if dataset else []
    return " ".join([*words, f"seed {cell.seed} wd {cell.weight_decay:g}"])


def span(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
