"""How far a suite is: cells done, half done and to do for each entry, and the time left at the speed so far."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wgbench import runs
from wgbench.config import Cell
from wgbench.errors import WgbenchError
from wgbench.launch.speed import Condition, Speeds, condition
from wgbench.request import Request
from wgbench.suite_plans import Foreseen, keep, recall


@dataclass(frozen=True)
class Part:
    """Some cells: how many are in which condition, and what is left of them."""

    counts: Counter[Condition]
    seconds: float = 0.0  # of one process, where the speed is known
    unknown: int = 0  # unfinished cells of unknown speed

    @property
    def left(self) -> float | None:
        """Seconds of one process; None where nothing is known of some cells."""
        return None if self.unknown else self.seconds


@dataclass(frozen=True)
class Standing:
    """One request: its cells, ERM's among them, whether its entry is written, or why nothing can be said."""

    part: Part
    written: bool = False
    problem: WgbenchError | None = None


def standings(requests: Sequence[Request]) -> tuple[list[Standing], Part]:
    """How far each request on one store is, and all cells together, shared ones counted once. Nothing is prepared."""
    store = requests[0].store
    speeds, seen = Speeds(store), dict[str, tuple[Cell, bool]]()
    found = []
    for request in requests:
        try:
            foreseen = _foreseen(request)
        except WgbenchError as problem:
            found.append(Standing(Part(Counter()), problem=problem))
            continue
        cells = [*((cell, False) for cell in foreseen.cells), *((cell, True) for cell in foreseen.undecided)]
        part = _part(cells, speeds)
        entry = store / "entries" / foreseen.entry / "entry.json"
        found.append(Standing(part, written=bool(foreseen.entry) and entry.is_file()))
        seen |= {f"{cell.id} {request.algorithm if undecided else ''}": (cell, undecided) for cell, undecided in cells}
    return found, _part(seen.values(), speeds)


def _foreseen(request: Request) -> Foreseen:
    """The cells of a request: remembered, or else worked out, which takes torch."""
    remembered = None if request.tune or request.weights else recall(request)
    if remembered is not None:
        return remembered
    from wgbench.tuning import foreseen

    found = foreseen(request)
    keep(request, found)
    return found


def _part(cells: Iterable[tuple[Cell, bool]], speeds: Speeds) -> Part:
    """Cells, with whether they are yet to be chosen: such are to do, whatever there is."""
    counts: Counter[Condition] = Counter()
    seconds, unknown = 0.0, 0
    for cell, undecided in cells:
        counts["to do" if undecided else condition(runs.folder(speeds.store, cell))] += 1
        per_epoch = speeds.per_epoch(cell) if undecided else None
        left = speeds.left(cell) if not undecided else None if per_epoch is None else per_epoch * cell.recipe.epochs
        seconds, unknown = seconds + (left or 0.0), unknown + (left is None)
    return Part(counts, seconds, unknown)
