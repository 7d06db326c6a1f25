"""An entry that can be read, and what is at hand to hold it against: the data's promises, its labels, ERM's entry."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from wgbench.config import place
from wgbench.errors import BadEntry
from wgbench.results import schema, stored, tables
from wgbench.results.claims import contradictions
from wgbench.results.counting import wrong_counts
from wgbench.results.entry import Target
from wgbench.results.identity import sha256, subject_of
from wgbench.results.known import Known, Labels, known, nothing
from wgbench.results.limits import unusable
from wgbench.results.stored import Stored
from wgbench.results.trust import NOBODY_ELSE, Trust
from wgbench.results.verify import VERIFIED, recorded

FILES = (schema.ENTRY, schema.CURVES, schema.PREDICTIONS)


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


def look(folder: Path, board: Path | None, labels: Labels = nothing, trust: Trust = NOBODY_ELSE) -> Looked:
    """Everything but what follows from its counts; BadEntry where an entry cannot be read, or is not fit to be."""
    for line in strange_files(folder):
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


def strange_files(folder: Path) -> Iterator[str]:
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
    return next((_rival(folder, content(folder)) for folder in there), None)


@lru_cache(maxsize=8)
def _rival(folder: Path, held: str) -> Stored:  # noqa: ARG001
    """ERM's entry, which many others are held against; found again as long as its files have the same content."""
    return stored.load(folder)


def content(folder: Path) -> str:
    """Hashes of those of an entry's files that are there."""
    return " ".join(sha256(folder / name) for name in FILES if (folder / name).is_file())
