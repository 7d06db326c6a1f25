"""How far a suite is: cells done, half done and to do for each entry, and the time left at the speed so far."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wgbench.errors import WgbenchError
from wgbench.launch.speed import Brief, Condition, Speeds, condition
from wgbench.request import Request
from wgbench.suite_plans import Foreseen, Plans


@dataclass(frozen=True)
class Outlook:
    """One cell: its condition, and the seconds of one process that it needs; None where its speed is unknown."""

    condition: Condition
    left: float | None


@dataclass(frozen=True)
class Part:
    """Some cells: how many are in which condition, and what is left of them."""

    counts: Counter[Condition]
    seconds: float = 0.0  # of one process, where the speed is known
    unknown: int = 0  # unfinished cells of unknown speed

    @classmethod
    def of(cls, cells: Iterable[Outlook]) -> "Part":
        """The sum of some cells."""
        some = list(cells)
        known = [one.left for one in some if one.left is not None]
        return cls(Counter(one.condition for one in some), sum(known), len(some) - len(known))

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


@dataclass
class Looking:
    """Cells of a store, each looked at once."""

    speeds: Speeds
    seen: dict[tuple[str, str], Outlook] = field(default_factory=dict)

    def at(self, cell: Brief, undecided_of: str = "") -> Outlook:
        """How a cell is. One whose options are yet to be chosen, for some algorithm, is to do whatever there is."""
        key = cell.id, undecided_of
        if key not in self.seen:
            state = "to do" if undecided_of else condition(self.speeds.store, cell)
            self.seen[key] = Outlook(state, self.speeds.left(cell, state))
        return self.seen[key]


def standings(requests: Sequence[Request]) -> tuple[list[Standing], Part]:
    """How far each request on one store is, and all cells together, shared ones counted once. Nothing is prepared."""
    store, found = requests[0].store, list[Standing]()
    looking = Looking(Speeds(store))
    for request, foreseen in zip(requests, foresee(requests), strict=True):
        if isinstance(foreseen, WgbenchError):
            found.append(Standing(Part(Counter()), problem=foreseen))
            continue
        cells = [looking.at(cell) for cell in foreseen.cells]
        cells += [looking.at(cell, request.algorithm) for cell in foreseen.undecided]
        written = bool(foreseen.entry) and os.path.isfile(f"{store}/entries/{foreseen.entry}/entry.json")
        found.append(Standing(Part.of(cells), written))
    return found, Part.of(looking.seen.values())


def foresee(requests: Sequence[Request]) -> list[Foreseen | WgbenchError]:
    """The cells of requests on one store: remembered, or else worked out, which takes torch; or what is in the way."""
    plans = Plans(requests[0].store)
    remembered = plans.recall(requests)
    found = [known or _worked_out(request) for request, known in zip(requests, remembered, strict=True)]
    news = [(r, new) for r, known, new in zip(requests, remembered, found, strict=True) if known is None]
    plans.keep((r, new) for r, new in news if isinstance(new, Foreseen))
    return found


def _worked_out(request: Request) -> Foreseen | WgbenchError:
    from wgbench.tuning import foreseen

    try:
        return foreseen(request)
    except WgbenchError as problem:
        return problem
