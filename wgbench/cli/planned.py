"""How `wgbench suite plan` looks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from wgbench.cli.progress import span
from wgbench.runs import KEPT

if TYPE_CHECKING:
    from rich.console import RenderableType

    from wgbench.suite_estimate import Estimate, Estimates

SOON = 60  # seconds, beside which those that processes take to start count


def lines(
    names: Sequence[str], found: "Estimates", at_once: int, price: float | None, again: str
) -> list["RenderableType"]:
    """One row per entry, all cells together, and where the numbers are from. `price` is of an hour of all processes."""
    from rich.table import Table
    from rich.text import Text

    together = found.together
    made = Table(box=None, padding=(0, 2, 0, 0), show_footer=True)
    made.add_column("cells of", footer="all, shared ones once", overflow="fold", min_width=24)
    made.add_column("to do", footer=str(len(together.needs)), justify="right", no_wrap=True)
    made.add_column("one process", footer=_time(together), justify="right", no_wrap=True)
    made.add_column("disk", footer=_room(together), justify="right", no_wrap=True)
    made.add_column("speed from", overflow="fold")
    numbers = {source: str(i) for i, source in enumerate(together.sources, 1)}
    for name, one in zip(names, found.each, strict=True):
        marks = ", ".join([*(numbers[source] for source in one.sources), *(["unknown"] if one.unknown else [])])
        row = ("-", "unknown", "unknown") if one.problem else (str(len(one.needs)), _time(one), _room(one))
        made.add_row(Text(name), *row, marks)
    problems = [f"{name}: {one.problem}" for name, one in zip(names, found.each, strict=True) if one.problem]
    said = [*(f"{number}: {source}" for source, number in numbers.items()), *dict.fromkeys(problems)]
    return [made, Text("\n".join([*said, "", *_said(found.together, at_once, price, again)]))]


def facts(names: Sequence[str], found: "Estimates", at_once: int, price: float | None) -> dict[str, Any]:
    """The same as JSON values; seconds are those of one process."""
    together = found.together
    hours = None if together.unknown else together.hours(at_once)
    rows = [
        {"name": name, **_facts(one), "problem": str(one.problem) if one.problem else None}
        for name, one in zip(names, found.each, strict=True)
    ]
    cost = None if price is None or hours is None else hours * price
    return {"entries": rows, "together": _facts(together), "processes": at_once, "hours": hours, "cost": cost}


def _facts(one: "Estimate") -> dict[str, Any]:
    return {
        "done": one.done,
        "to_do": len(one.needs),
        "seconds": one.seconds,
        "of_unknown_speed": one.unknown,
        "bytes": one.bytes,
        "of_unknown_size": one.unsized,
        "sources": list(one.sources),
    }


def _said(together: "Estimate", at_once: int, price: float | None, again: str) -> Iterator[str]:
    """The sum in words."""
    if not together.needs:
        yield "all cells are done: nothing will be trained"
        return
    hours = together.hours(at_once)
    more = f", and what {together.unknown} cells of unknown speed take" if together.unknown else ""
    if together.unknown < len(together.needs):
        begins = ", besides the seconds in which they start" if 3600 * hours < SOON else ""
        yield f"with {at_once} process{'es' * (at_once > 1)} about {span(3600 * hours)}{begins}{more}"
        if price is not None:
            yield f"cost: about {hours * price:.2f}, at {price:g} an hour{more}"
    largest = max(need.checkpoint for need in together.needs)
    if largest:
        yield f"checkpoints come on top while cells train, and go when they are done: about {size(KEPT * largest)} each"
    if together.unknown:
        yield f"{together.unknown} cells are unlike anything that was run here or is on the board; one epoch tells:"
        yield f"    {again}"


def _time(one: "Estimate") -> str:
    return _with_unknown(span(one.seconds), bool(one.seconds), one.unknown)


def _room(one: "Estimate") -> str:
    return _with_unknown(size(one.bytes), bool(one.bytes), one.unsized)


def _with_unknown(text: str, known: bool, unknown: int) -> str:
    if not unknown:
        return text
    return f"{text} + unknown" if known else "unknown"


def size(count: float) -> str:
    """A number of bytes in words."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
