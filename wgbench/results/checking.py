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
from functools import lru_cache
from pathlib import Path

from wgbench.config import RULES, place
from wgbench.errors import BadEntry
from wgbench.results import schema, stored, tables
from wgbench.results.board import Level
from wgbench.results.claims import contradictions, overstated
from wgbench.results.counting import wrong_counts
from wgbench.results.entry import Target
from wgbench.results.identity import sha256, subject_of
from wgbench.results.known import Known, Labels, known, nothing
from wgbench.results.lack import told
from wgbench.results.limits import unusable
from wgbench.results.predicted import mispredicted
from wgbench.results.recount import differences, recount
from wgbench.results.stored import Stored
from wgbench.results.trust import NOBODY_ELSE, Trust, foreign
from wgbench.results.verify import VERIFIED, recorded

FILES = (schema.ENTRY, schema.CURVES, schema.PREDICTIONS)
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


@dataclass(frozen=True)
class Looked:
    """An entry that can be read, and what is at hand to hold it against."""

    stored: Stored
    known: Known | None
    erm: Stored | None
    target: Target | None
    problems: tuple[str, ...]  # beside what follows from its counts
    countable: bool  # whether the counts of all its cells are sound

    @property
    def entry(self) -> schema.Entry:
        """What it says."""
        return self.stored.entry


def check(folder: Path, board: Path | None = None, labels: Labels = nothing, trust: Trust = NOBODY_ELSE) -> Report:
    """Look at the entry in a folder; `board` is what it lies on. Code that `trust` does not allow is left alone."""
    name = folder.relative_to(board).as_posix() if board else str(folder)
    if problems := list(_files(folder)):
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


def look(folder: Path, board: Path | None, labels: Labels = nothing, trust: Trust = NOBODY_ELSE) -> Looked:
    """Everything but what follows from its counts; BadEntry where an entry cannot be read, or is not fit to be."""
    for line in _files(folder):
        raise BadEntry(f"entry {folder}", line, tables.REMEDY)
    entry = schema.read(folder)
    for line in unusable(entry):
        raise BadEntry(f"entry {folder}", line, "run it again")
    held, found = Stored(entry, folder), known(entry.dataset, trust)
    problems = [*_placed(entry, folder, board), *contradictions(entry, found), *_hashes(folder, entry)]
    at_hand = labels(found) if found is not None else None
    if at_hand is not None and at_hand.fingerprint != entry.dataset.fingerprint:
        problems.append(f"its data has fingerprint {entry.dataset.fingerprint[:16]}, and ours {at_hand.fingerprint}")
    try:
        miscounted = list(wrong_counts(held))
    except BadEntry as problem:
        miscounted = [problem.wrong]
    problems += miscounted
    countable = not miscounted and _cells(entry) == sorted((c.seed, c.weight_decay) for c in subject_of(entry).cells())
    erm = _baseline(held, board)
    if board is not None and erm is None and entry.baseline is not None:
        problems.append(f"its baseline, ERM's entry {entry.baseline[:16]}, is not on this board: add that too")
    target = at_hand.target if at_hand is not None else None
    return Looked(held, found, erm, target, tuple(problems), countable)


def _cells(entry: schema.Entry) -> list[tuple[int, float]]:
    return sorted((cell.seed, cell.weight_decay) for cell in entry.cells)


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


def _files(folder: Path) -> Iterator[str]:
    """The folder holds the three files of an entry, and nothing else."""
    if folder.is_symlink() or not folder.is_dir():
        yield "it is no folder"
        return
    there = {path.name: path for path in folder.iterdir()}
    for name in FILES:
        if name not in there:
            yield f"{name} is missing"
    for name, path in sorted(there.items()):
        if name not in FILES:
            yield f"{name[:80]!r} is no file of an entry"
        elif path.is_symlink() or not path.is_file():
            yield f"{name} is no plain file"


def _placed(entry: schema.Entry, folder: Path, board: Path | None) -> Iterator[str]:
    """On a board it lies where its content says, and what was recorded of it speaks of these files."""
    if board is None:
        return
    expected = board / "results" / place(entry.dataset, entry.backbone, entry.algorithm) / entry.id
    if folder != expected:
        yield f"it belongs to {expected.relative_to(board).as_posix()}"
    if (board / VERIFIED / f"{entry.id}.json").exists() and recorded(board, entry) is None:
        yield f"{VERIFIED}/{entry.id}.json is no replay of these files: replay it again"


def _hashes(folder: Path, entry: schema.Entry) -> Iterator[str]:
    if sorted(entry.files) != sorted(FILES[1:]):
        yield f"it names files {', '.join(sorted(entry.files))[:80]}, and not {' and '.join(FILES[1:])}"
    for name in FILES[1:]:
        if entry.files.get(name) != (digest := sha256(folder / name)):
            stated = str(entry.files.get(name))[:16]
            yield f"{name} is not the file that was scored: its SHA-256 is {digest[:16]}..., stated {stated}..."


def _baseline(entry: Stored, board: Path | None) -> Stored | None:
    """ERM's entry: on the same board, or beside this one in a store."""
    wanted = entry.entry.baseline
    if wanted is None or not re.fullmatch(r"[0-9a-f]{16}", wanted):
        return None
    beside = [entry.folder.parent / wanted]
    if board is not None:
        beside = [path.parent for path in sorted((board / "results").glob(f"*/*/*/{wanted}/{schema.ENTRY}"))]
    there = (folder for folder in beside if (folder / schema.ENTRY).is_file())
    return next((_rival(folder, _content(folder)) for folder in there), None)


@lru_cache(maxsize=8)
def _rival(folder: Path, content: str) -> Stored:  # noqa: ARG001
    """ERM's entry, which many others are held against; found again as long as its files have the same content."""
    return stored.load(folder)


def _content(folder: Path) -> str:
    """Hashes of those of an entry's files that are there."""
    return " ".join(sha256(folder / name) for name in FILES if (folder / name).is_file())


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
