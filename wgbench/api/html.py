"""Entries as notebooks show them: plain tables, whatever names and notes hold."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from wgbench.evaluation.written import spread
from wgbench.results.labels import labels, titled
from wgbench.results.remarks import remarks
from wgbench.results.schema import Entry
from wgbench.results.stored import Stored

COLUMNS = {
    "early": "wga_early",
    "selected": "wga_selected",
    "final": "wga_final",
    "drop": "overfit_drop",
    "final - ERM": "erm_excess_final",
}
RIGHT = Markup(' style="text-align:right"')
LEFT = Markup(' style="text-align:left"')


def of_entry(stored: Stored) -> str:
    """The headline scores of one entry, what to know about it, and where it lies."""
    entry = stored.entry
    below = [*remarks(entry), f"{entry.id}, {stored.folder}"]
    return f"{_table(titled(entry), [('', entry)])}{Markup('').join(_line(text) for text in below)}"


def of_entries(entries: Sequence[Stored]) -> str:
    """A row per entry."""
    if not entries:
        return str(_line("no entries"))
    grounds = {(s.entry.dataset.name, s.entry.backbone.name) for s in entries}
    names = labels(entries)
    if len(grounds) > 1:
        names = tuple(
            f"{n}, {s.entry.dataset.name}, {s.entry.backbone.name}" for n, s in zip(names, entries, strict=True)
        )
    where = ", ".join(grounds.pop()) if len(grounds) == 1 else f"{len(entries)} entries"
    return str(_table(where, list(zip(names, (s.entry for s in entries), strict=True))))


def _table(title: str, rows: Sequence[tuple[str, Entry]]) -> Markup:
    named = any(name for name, _ in rows)
    head = Markup("").join(
        [Markup("<th{}>entry</th>").format(LEFT)] * named + [Markup("<th{}>{}</th>").format(RIGHT, c) for c in COLUMNS]
    )
    body = Markup("").join(_row(name, entry, named) for name, entry in rows)
    caption = Markup("<caption{}><b>{}</b>: worst-group accuracy on test, %</caption>").format(LEFT, title)
    return Markup("<table>{}<thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(caption, head, body)


def _row(name: str, entry: Entry, named: bool) -> Markup:
    cells = [Markup("<td{}>{}</td>").format(RIGHT, spread(getattr(entry.scores, key))) for key in COLUMNS.values()]
    first = [Markup("<td{}>{}</td>").format(LEFT, name)] * named
    return Markup("<tr>{}</tr>").format(Markup("").join([*first, *cells]))


def _line(text: str) -> Markup:
    return Markup("<div>{}</div>").format(escape(text))
