"""The whole site: an index, a page per dataset, a page per entry. The same board gives the same bytes."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from wgbench.config import slug
from wgbench.disk import write_whole, writing
from wgbench.errors import BadEntry, StoreFailed
from wgbench.options import first_problem
from wgbench.results import stored
from wgbench.results.board import INDEX, LEVELS, Board, Measured
from wgbench.site.board import curves, entry, html, rows, words

MANIFEST = "site.json"
Page = tuple[str, bytes]  # path in the site, content


def build(board: Path, out: Path) -> list[str]:
    """Write the site of the board in folder `board` into folder `out`; the files written.

    Files that an earlier build left there and that are no longer part of the site go. BadEntry where the board's files
    are not what `wgbench leaderboard build` writes, StoreFailed where `out` holds something else.
    """
    boards = read(board)
    before = _earlier(out)
    with writing(out, "or choose another folder with --out"):
        _put(out, MANIFEST, _listing(before))  # first, so that a build that broke off can be done again
        written = [_put(out, path, content) for path, content in pages(board, boards)]
        for path in before - set(written):
            (out / path).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty, or the site's own folder
                (out / path).parent.rmdir()
        _put(out, MANIFEST, _listing(written))
    return written


def read(board: Path) -> list[Board]:
    """The board's datasets, in the order of their files."""
    found = [_parsed(path) for path in sorted(board.glob("*.json")) if path.name != INDEX]
    if not found:
        raise BadEntry(f"board {board}", "no dataset's JSON there", "run `wgbench leaderboard build` first")
    return found


def pages(board: Path, boards: list[Board]) -> Iterator[Page]:
    """Every page, one after the other."""
    yield "index.html", html.page("index.html", boards=[_summary(one) for one in boards], columns=words.COLUMNS, up="")
    for one in boards:
        yield from dataset_pages(board, one)


def dataset_pages(board: Path, one: Board) -> Iterator[Page]:
    """The table of a dataset, its JSON, and its entries."""
    place, lines = folder_of(one), rows.measured(one)
    content = {
        "board": one,
        "lines": lines,
        "overview": rows.overview(lines),
        "reported": rows.reported(one),
        "columns": words.COLUMNS,
        "reported_columns": words.REPORTED,
        "levels": LEVELS,
        "up": "../",
    }
    yield f"{place}/index.html", html.page("dataset.html", ("table.js",), **content)
    yield f"{place}/board.json", one.to_json().encode()
    for line in lines:
        yield f"{place}/{line.href}", entry_page(board, one, line)


def entry_page(board: Path, one: Board, line: rows.Line) -> bytes:
    """The page of one entry, from its own files."""
    kept = stored.load(_inside(board, line.row))
    return html.page(
        "entry.html",
        ("curves.js",),
        board=one,
        line=line,
        row=line.row,
        entry=kept.entry,
        scores=entry.score_lines(kept.entry.scores),
        groups=entry.group_lines(kept),
        charts=curves.charts(kept),
        recipe=entry.recipe(kept),
        surroundings=entry.surroundings(kept),
        departures=entry.departures(line.row.partial),
        checks=entry.checks(line.row, kept),
        baseline=_page_of(one, line.row.baseline),
        level=words.LEVELS[line.row.verification.level],
        up="../",
    )


def folder_of(one: Board) -> str:
    """The folder of a dataset's pages."""
    return f"{slug(one.dataset.name)}-v{one.dataset.version}"


def _page_of(one: Board, identity: str | None) -> str | None:
    """The page of an entry of the same dataset; None where it is not on the board."""
    listed = any(isinstance(row, Measured) and row.id == identity for row in one.rows)
    return rows.file_of(identity) if listed and identity else None


def _summary(one: Board) -> dict[str, object]:
    """What the index says of a dataset."""
    measured = [row for row in one.rows if isinstance(row, Measured)]
    return {
        "board": one,
        "href": f"{folder_of(one)}/index.html",
        "measured": len(measured),
        "reported": len(one.rows) - len(measured),
        "leaders": rows.leaders(one),
        "highest": rows.highest(one),
    }


def _parsed(path: Path) -> Board:
    remedy = "run `wgbench leaderboard build`"
    try:
        return Board.model_validate_json(path.read_bytes())
    except ValidationError as problem:
        raise BadEntry(f"board {path}", first_problem(problem), remedy) from None


def _inside(board: Path, row: Measured) -> Path:
    """The entry's folder; BadEntry where its path leads out of the board."""
    path = PurePosixPath(row.path)
    if path.is_absolute() or ".." in path.parts:
        wrong = f"its path {row.path!r} leads out of the board"
        raise BadEntry(f"entry {row.id}", wrong, "run `wgbench leaderboard build`")
    return board / path


def _earlier(out: Path) -> set[str]:
    """Files of an earlier build; StoreFailed for a folder that is in use for something else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return set()
    try:
        listed = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        return {path for path in listed if (out / path).resolve().is_relative_to(out.resolve())}
    except (OSError, ValueError, TypeError):
        wrong = f"it is not empty and holds no {MANIFEST} of an earlier build"
        raise StoreFailed(f"writing {out}", wrong, "give a folder of its own") from None


def _listing(files: Iterable[str]) -> bytes:
    return (json.dumps(sorted(files), indent=1) + "\n").encode()


def _put(out: Path, path: str, content: bytes) -> str:
    target = out / path
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content)
    return path
