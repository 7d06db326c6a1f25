"""Rows of CSV files that others wrote: every mistake is BadData, with the line."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wgbench import untrusted
from wgbench.errors import BadData


def records(path: Path, again: str, *, skip_spaces: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Records that are not empty, with the number of the line that they end in; BadData where it is no CSV file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # a spreadsheet may have put a mark before it
            reader = csv.reader(file, skipinitialspace=skip_spaces)
            yield from ((reader.line_num, row) for row in reader if row)
    except (UnicodeDecodeError, csv.Error) as problem:
        raise BadData(f"{path}", f"no CSV file ({problem})", again) from None
    except OSError as problem:
        raise BadData(f"{path}", f"it cannot be read ({problem.strerror})", again) from None


def columns(
    path: Path, wanted: Sequence[str], again: str, options: Mapping[str, str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """Named fields of every row, all of them there; BadData where a wanted column or a field is missing.

    `options` name a wanted column, for those who have it under another name.
    """
    rows = records(path, again)
    _, header = next(rows, (1, []))
    missing = [name for name in wanted if name not in header]
    if missing:
        raise BadData(f"{path}", f"no column {missing[0]!r}", _column(missing[0], wanted, header, options or {}))
    for line, row in rows:
        where = f"{path}, line {line}"
        if len(row) > len(header):
            raise BadData(where, "more fields than columns", again)
        if len(row) < len(header):
            raise BadData(where, f"field {header[len(row)]!r} is missing", again)
        yield line, dict(zip(header, row, strict=True))


def _column(name: str, wanted: Sequence[str], header: Sequence[str], options: Mapping[str, str]) -> str:
    """What to do where a column is missing."""
    if name not in options:
        return f"it must have {', '.join(wanted)}"
    return f"add it, or name the one that you have with {options[name]}=COLUMN (there are {', '.join(header)})"


def check_text(where: str, text: str, again: str) -> None:
    """BadData for what is no text: control characters, with which a name would take over a terminal."""
    try:
        untrusted.check(text)
    except untrusted.Refused as problem:
        raise BadData(where, f"a field {problem}", again) from None


def number(where: str, text: str, again: str) -> float:
    """A finite number; BadData for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value - value != 0:
        raise BadData(where, f"{text[:40]!r} is not a number", again)
    return value
