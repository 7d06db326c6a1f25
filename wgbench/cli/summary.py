"""The table at the end of a run."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from wgbench.errors import WgbenchError
from wgbench.evaluation.written import spread
from wgbench.request import Result
from wgbench.results.labels import titled
from wgbench.results.remarks import remarks
from wgbench.results.schema import Entry

PLUS_MINUS = " +- "  # terminals of any encoding


def summary(entry: Entry, folder: Path) -> list[RenderableType]:
    """Headline scores, the row of weight decays, what to know about the entry, and where it lies."""
    # Titles of their own: a table would fold its title to its own width.
    parts: list[RenderableType] = [f"{titled(entry)}: worst-group accuracy on test, %", _headline(entry)]
    if entry.scores.wd_curve:
        parts += ["by weight decay, mean of the last epochs, %", _weight_decays(entry)]
    return [*parts, "\n".join([*remarks(entry), f"entry: {folder}"])]


def overview(title: str, rows: Sequence[tuple[str, Result | WgbenchError]]) -> Table:
    """One row per entry of a suite: its name and its headline scores, or that it failed."""
    table = Table(
        title=f"{title}: worst-group accuracy on test, %", title_justify="left", box=None, padding=(0, 1, 0, 0)
    )
    table.add_column("entry", overflow="fold", min_width=24)
    for name in ("early", "selected", "final", "drop", "- ERM"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, outcome in rows:
        if isinstance(outcome, WgbenchError):
            table.add_row(name, Text("failed", style="red"))
        else:
            table.add_row(name, *_scores(outcome.entry, "-", PLUS_MINUS.strip()).values())
    return table


def _headline(entry: Entry) -> Table:
    table = Table()
    scores = _scores(entry, "not interpolated")
    for name in scores:
        table.add_column(name, justify="right")
    table.add_row(*scores.values())
    return table


def _scores(entry: Entry, not_interpolated: str, sign: str = PLUS_MINUS) -> dict[str, str]:
    """The headline scores as they are shown."""
    s = entry.scores
    drop_missing = not_interpolated if s.overfit_drop is None and s.wga_final is not None else "-"
    return {
        "early": spread(s.wga_early, sign),
        "selected": spread(s.wga_selected, sign),
        "final": spread(s.wga_final, sign),
        "drop": spread(s.overfit_drop, sign, none=drop_missing),
        "final - ERM": spread(s.erm_excess_final, sign),
    }


def _weight_decays(entry: Entry) -> Table:
    table = Table()
    for column in ("weight decay", "train accuracy", "worst group"):
        table.add_column(column, justify="right")
    for point in entry.scores.wd_curve or ():
        table.add_row(f"{point.weight_decay:g}", *(spread(score, PLUS_MINUS) for score in (point.train_acc, point.wga)))
    return table
