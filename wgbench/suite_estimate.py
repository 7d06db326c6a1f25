"""What a suite will take before anything is run: time, room on the disk, and where each speed comes from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wgbench.errors import WgbenchError
from wgbench.launch.speed import Brief, Speed, Speeds, kind_of
from wgbench.request import Request
from wgbench.results import schema
from wgbench.results.identity import subject_of
from wgbench.suite_status import Looking, foresee


@dataclass(frozen=True)
class Need:
    """What one unfinished cell needs: seconds of one process and bytes when it is done; None where that is unknown."""

    seconds: float | None
    bytes: float | None
    checkpoint: int
    source: str  # of the speed; empty where there is none


@dataclass(frozen=True)
class Estimate:
    """Some cells: how many are done, and what the others need."""

    done: int
    needs: tuple[Need, ...]
    problem: WgbenchError | None = None  # why nothing can be said

    @property
    def seconds(self) -> float:
        """Of one process, for the cells of known speed."""
        return sum(need.seconds for need in self.needs if need.seconds is not None)

    @property
    def bytes(self) -> float:
        """On the disk when they are done, for the cells of known size."""
        return sum(need.bytes for need in self.needs if need.bytes is not None)

    @property
    def unknown(self) -> int:
        """Cells of unknown speed."""
        return sum(need.seconds is None for need in self.needs)

    @property
    def unsized(self) -> int:
        """Cells of unknown size."""
        return sum(need.bytes is None for need in self.needs)

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the speeds come from."""
        return tuple(dict.fromkeys(need.source for need in self.needs if need.source))

    def hours(self, at_once: int) -> float:
        """By the clock, with so many processes: no less than the longest cell."""
        longest = max((need.seconds or 0.0 for need in self.needs), default=0.0)
        return max(self.seconds / at_once, longest) / 3600


@dataclass(frozen=True)
class Estimates:
    """One estimate for each request, and all cells together, shared ones once."""

    each: tuple[Estimate, ...]
    together: Estimate


def estimates(requests: Sequence[Request], board: Path) -> Estimates:
    """What requests on one store need, as `suite status` estimates what is left; `board` need not be there."""
    looking = Looking(Speeds(requests[0].store, Board(board).speed))
    each, cells = list[Estimate](), dict[tuple[str, str], Brief]()
    for request, foreseen in zip(requests, foresee(requests), strict=True):
        if isinstance(foreseen, WgbenchError):
            each.append(Estimate(0, (), foreseen))
            continue
        own = {(cell.id, ""): cell for cell in foreseen.cells}
        own |= {(cell.id, request.algorithm): cell for cell in foreseen.undecided}
        each.append(_estimate(own.items(), looking))
        cells |= own
    return Estimates(tuple(each), _estimate(cells.items(), looking))


def _estimate(cells: Iterable[tuple[tuple[str, str], Brief]], looking: Looking) -> Estimate:
    some = [(cell, looking.at(cell, undecided_of)) for (_, undecided_of), cell in cells]
    needs = tuple(_need(cell, at.left, looking.speeds) for cell, at in some if at.condition not in ("done", "failed"))
    return Estimate(len(some) - len(needs), needs)


def _need(cell: Brief, left: float | None, speeds: Speeds) -> Need:
    speed = speeds.of(cell)
    if speed is None:
        return Need(left, None, 0, "its own latest epochs" if left is not None else "")
    size = None if speed.bytes_per_epoch is None else speed.bytes_per_epoch * cell.epochs + speed.bytes_beside
    return Need(left, size, speed.checkpoint, speed.source)


@dataclass
class Board:
    """Speeds that the entries of a board state."""

    where: Path
    read: dict[str, list[tuple[str, Speed]]] = field(default_factory=dict)

    def speed(self, cell: Brief) -> Speed | None:
        """Of an entry of the same algorithm, dataset and network: one with equal settings, if there is one."""
        found = self._entries(cell.place)
        alike = next((speed for kind, speed in found if kind == cell.kind), None)
        other = next((replace(speed, source=f"{speed.source}, with other settings") for _, speed in found), None)
        return alike or other

    def _entries(self, place: str) -> list[tuple[str, Speed]]:
        if place not in self.read:
            paths = sorted(self.where.glob(f"results/{place}/*/{schema.ENTRY}"))
            self.read[place] = [found for path in paths if (found := _stated(path.parent)) is not None]
        return self.read[place]


def _stated(folder: Path) -> tuple[str, Speed] | None:
    """What an entry's epochs depend on, and what they took; None for one that cannot be read."""
    try:
        entry = schema.read(folder)
    except WgbenchError:
        return None
    epochs = sum(cell.epochs or entry.recipe.epochs for cell in entry.cells)
    source = f"entry {entry.id[:8]} ({entry.algorithm.name}) of the board, {entry.cost.device}"
    return kind_of(subject_of(entry).cells()[0]), Speed(entry.cost.seconds / max(epochs, 1), source)
