"""How `wgbench suite status` looks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wgbench.cli.progress import span
from wgbench.launch.speed import Condition

if TYPE_CHECKING:
    from rich.console import RenderableType

    from wgbench.suite_status import Part, Standing

MOST = 200  # rows of a table that somebody reads
CONDITIONS: tuple[Condition, ...] = ("done", "half done", "to do", "failed")


def table(names: Sequence[str], found: Sequence["Standing"], together: "Part", at_once: int) -> list["RenderableType"]:
    """One row per entry, all cells together, and what cannot be told."""
    from rich.table import Table

    shown = [c for c in CONDITIONS if c != "failed" or together.counts["failed"]]
    made = Table(box=None, padding=(0, 2, 0, 0), show_footer=True)
    made.add_column("cells of", footer="all, shared ones once", overflow="fold", min_width=24)
    for condition in shown:
        made.add_column(condition, footer=str(together.counts[condition]), justify="right", no_wrap=True)
    made.add_column("time left", footer=_left(together, at_once), justify="right", no_wrap=True)
    rows = list(zip(names, found, strict=True))
    listed = rows if len(rows) <= MOST else [(name, one) for name, one in rows if one.problem or not _trained(one)]
    for name, standing in listed[:MOST]:
        counts = [str(standing.part.counts[c]) for c in shown]
        left = "unknown" if standing.problem else _left(standing.part, at_once)
        if left == "0 s":
            left = "entry written" if standing.written else "entry to write"
        made.add_row(name, *(["-"] * len(shown) if standing.problem else counts), left)
    problems = [f"{name}: {s.problem}" for name, s in zip(names, found, strict=True) if s.problem]
    some = f"listed are {min(MOST, len(listed))} of the {len(listed)} entries with cells to train, of {len(rows)}"
    unlisted = [f"{some}; --only narrows it, --json lists all"] * (len(rows) > MOST)
    lines = [*unlisted, *dict.fromkeys(problems), *_explained(together, at_once)]
    return [made, *(["\n".join(lines)] if lines else [])]


def facts(part: "Part") -> dict[str, Any]:
    """The same as JSON values; seconds are those of one process."""
    counts = {c.replace(" ", "_"): part.counts[c] for c in CONDITIONS}
    return {**counts, "seconds_left": part.left, "of_unknown_speed": part.unknown}


def _trained(one: "Standing") -> bool:
    return not one.part.counts["to do"] + one.part.counts["half done"]


def _left(part: "Part", at_once: int) -> str:
    if not part.unknown:
        return span(part.seconds / at_once)
    return f"{span(part.seconds / at_once)} + unknown" if part.seconds else "unknown"


def _explained(together: "Part", at_once: int) -> list[str]:
    lines = []
    if together.seconds:
        lines.append(f"times are for {at_once} process{'es' * (at_once > 1)}, from seconds per epoch in this store")
    if together.unknown:
        lines.append(f"{together.unknown} cells are unlike anything that was run here: of unknown duration")
    return lines
