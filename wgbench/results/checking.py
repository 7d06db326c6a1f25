"""Is an entry what it says? Everything about it that can be found out without training.

`schema`: its files can be read, and nothing contradicts anything else. `recount`: besides, its group totals are those
of the registered dataset, and every score follows from its counts. Both mean consistency, not truth: counts, scores and
hashes that were made up together are what `wgbench replay` is for.

Entries are hostile input. Sizes come first, nothing in them is imported or executed, and code of plug-ins that are not
our own is asked for nothing but the promises of a registered dataset.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wgbench.config import RULES
from wgbench.errors import BadEntry
from wgbench.results import schema
from wgbench.results.board import Level
from wgbench.results.claims import overstated
from wgbench.results.identity import subject_of
from wgbench.results.known import Labels, nothing
from wgbench.results.lack import told
from wgbench.results.looking import Looked, look, strange_files
from wgbench.results.predicted import mispredicted
from wgbench.results.recount import differences, recount
from wgbench.results.trust import NOBODY_ELSE, Trust, foreign
from wgbench.results.verify import VERIFIED, recorded

MOMENTS = ("early", "final", "selected")
PRIVATE = re.compile(r"(?:^|[\s=:'\"(])(?:~?(?:/[\w.+-]+){2,}|[A-Za-z]:\\\w+|\\\\\w+\\)|[\w.-]+@[\w-]+(?:\.[\w-]+)*")


@dataclass(frozen=True)
class Report:
    """What was found: `problems` and `remarks` are lines; `level` is None where there are problems."""

    name: str
    entry: schema.Entry | None
    level: Level | None
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def check(folder: Path, board: Path | None = None, labels: Labels = nothing, trust: Trust = NOBODY_ELSE) -> Report:
    """Look at the entry in a folder; `board` is what it lies on. Code that `trust` does not allow is left alone."""
    name = folder.relative_to(board).as_posix() if board else str(folder)
    if problems := list(strange_files(folder)):
        return Report(name, None, None, tuple(problems))
    try:
        looked = look(folder, board, labels, trust)
        entry, problems = looked.entry, [*looked.problems, *overstated(looked.entry, looked.known)]
        if looked.countable and entry.rules == RULES:
            problems += _recounted(looked)
    except BadEntry as problem:
        return Report(name, None, None, (problem.wrong,))
    remarks = (*_remarks(looked), *_not_at_hand(looked), *_not_run(entry, trust))
    whole: Level = "recount" if looked.known is not None and entry.rules == RULES else "schema"
    return Report(name, entry, None if problems else _level(entry, board, whole), tuple(problems), remarks)


def require(folder: Path, labels: Labels = nothing) -> schema.Entry:
    """The entry in a folder, if nothing is wrong with it; BadEntry with the first problem."""
    schema.read(folder)  # says best what to give instead of a folder or a file that is none
    report = check(folder, labels=labels)
    if report.entry is None or report.problems:
        more = f" (and {len(report.problems) - 1} more)" if len(report.problems) > 1 else ""
        remedy = "see `wgbench leaderboard check` for everything, and run it again"
        raise BadEntry(f"entry {folder}", report.problems[0] + more, remedy)
    return report.entry


def check_any(path: Path, labels: Labels = nothing, trust: Trust = NOBODY_ELSE) -> list[Report]:
    """Look at an entry's folder, or at a whole board; BadEntry where there is neither."""
    where = path.resolve()
    if (where / "results").is_dir():
        return check_board(where, labels, trust)
    if not (where / schema.ENTRY).is_file():
        wrong = f"neither an entry ({schema.ENTRY}) nor a board (results/) is there"
        raise BadEntry(f"checking {path}", wrong, "give the folder of one of them")
    return [replace(check(where, board_of(where), labels, trust), name=str(path))]


def board_of(folder: Path) -> Path | None:
    """The board that an entry's folder lies on: `<board>/results/<dataset>/<backbone>/<algorithm>/<id>`."""
    parents = folder.resolve().parents
    return parents[4] if len(parents) > 4 and parents[3].name == "results" else None


def one_by_one(
    folders: Sequence[Path], board: Path, labels: Labels = nothing, trust: Trust = NOBODY_ELSE
) -> list[Report]:
    """`check` of each entry of a board."""
    return [check(folder, board, labels, trust) for folder in folders]


def check_board(
    board: Path,
    labels: Labels = nothing,
    trust: Trust = NOBODY_ELSE,
    each: Callable[..., list[Report]] = one_by_one,
) -> list[Report]:
    """Look at everything on a board, its replays included; `each` looks at its entries."""
    results = board / "results"
    folders = sorted({path.parent for path in results.glob("*/*/*/*/*")} | {p.parent for p in results.rglob("*.json")})
    reports = each(folders, board, labels, trust)
    ids = {report.entry.id for report in reports if report.entry}
    for path in sorted((board / VERIFIED).glob("*")):
        if path.name.removesuffix(".json") not in ids:
            reports.append(Report(f"{VERIFIED}/{path.name}", None, None, ("no entry of this board has that id",)))
    return reports


def _not_run(entry: schema.Entry, trust: Trust) -> Iterator[str]:
    """A dataset that is registered here, by a package whose code nobody has allowed to run."""
    for one in foreign(entry):
        if one.kind == "dataset" and not trust.allows(one.row):
            yield f"{one}: what it promises was not asked; --trust {one.row.distribution} runs that code"


def _recounted(looked: Looked) -> Iterator[str]:
    """Scores and predictions that do not follow from the counts."""
    entry = looked.entry
    if looked.erm is not None:
        yield from _rivals(entry, looked.erm.entry)
    yield from mispredicted(looked.stored, looked.target)
    again = recount(looked.stored, looked.erm, looked.target)
    yield from differences(entry, again)


def _rivals(entry: schema.Entry, erm: schema.Entry) -> Iterator[str]:
    """The baseline is ERM under the same conditions."""
    own = subject_of(entry).model_copy(update={"algorithm": subject_of(erm).algorithm, "protocol": erm.protocol})
    if (
        erm.algorithm.name != "erm"
        or own.digest() != erm.id
        or not set(entry.protocol.seeds) <= set(erm.protocol.seeds)
    ):
        yield f"its baseline {erm.id} is not ERM with the same data, network, recipe and seeds"


def _level(entry: schema.Entry, board: Path | None, whole: Level) -> Level:
    replayed = recorded(board, entry) if board is not None else None
    return replayed.level if replayed is not None else whole


def _remarks(looked: Looked) -> Iterator[str]:
    """What a reviewer should know, and what could not be looked at."""
    entry = looked.entry
    if entry.rules != RULES:
        yield f"made under rules {entry.rules[:20]}: scores are not counted again under {RULES}"
    if looked.known is None:
        dataset = f"{entry.dataset.name[:80]} version {entry.dataset.version}"
        yield f"dataset {dataset} is not registered here: group totals and completeness not checked"
    for name in ("command", "note", "submitter", "environment"):
        if shown := PRIVATE.search(str(getattr(entry, name))):
            yield f"its {name} may show a path or an address: {shown.group().strip()[:60]!r}"
    if entry.partial:
        yield told(entry.partial)[:310]


def _not_at_hand(looked: Looked) -> Iterator[str]:
    entry = looked.entry
    if entry.baseline is not None and looked.erm is None:
        yield f"its baseline {entry.baseline[:16]} is not beside it: excess over ERM not counted"
    if looked.known is not None and looked.target is None:
        yield "the data is not at hand: predictions not compared with labels, bootstrap and agreement not counted"
