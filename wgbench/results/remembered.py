"""Entries of a board that were checked before, by this installation, and have not changed: not checked again.

What is remembered follows from the bytes of the files of an entry, of ERM that it is held against, and of its replay.
Only where all of them are the same does an earlier report stand; times and names of files count for nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from pydantic import ValidationError

from wgbench import untrusted
from wgbench.index import Index
from wgbench.installation import fingerprint
from wgbench.results import schema
from wgbench.results.checking import Report, check, one_by_one
from wgbench.results.identity import sha256
from wgbench.results.known import Labels, nothing
from wgbench.results.looking import content, strange_files
from wgbench.results.trust import NOBODY_ELSE, Trust
from wgbench.results.verify import VERIFIED

FILE = "checked.sqlite"  # in the cache
SHARE = 32  # entries that a process checks before it reports
FEW = 100  # entries that are checked sooner than processes start


@dataclass
class Remembering:
    """`checking.one_by_one` for what lies on a board and is looked at without data, in so many processes.

    `cache` is where reports are kept. Those with problems are not: they are few, and looked at until they have none.
    """

    cache: Path
    processes: int = 1
    seen: dict[Path, str] = field(default_factory=dict)
    named: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = Index(self.cache / FILE, fingerprint())

    def __call__(
        self, folders: Sequence[Path], board: Path, labels: Labels = nothing, trust: Trust = NOBODY_ELSE
    ) -> list[Report]:
        """What `check` says of each entry, in their order."""
        if labels is not nothing:
            return one_by_one(folders, board, labels, trust)
        entries = {folder: entry for folder in folders if (entry := _read(folder)) is not None}
        keys = {folder: self.key(folder, board, entry, trust) for folder, entry in entries.items()}
        kept = self.index.recall(keys.values())
        found = {f: _recalled(f, board, entries[f], kept[key]) for f, key in keys.items() if key in kept}
        # Those that are held against the same entry of ERM come after each other: it is read once for them.
        baselines = {folder: entry.baseline or "" for folder, entry in entries.items()}
        fresh = sorted((f for f in folders if f not in found), key=lambda f: baselines.get(f, ""))
        for reports in self._checked(fresh, board, trust):
            found |= reports
            sound = {f: r for f, r in reports.items() if f in keys and r.level is not None}
            self.index.keep({keys[f]: json.dumps([r.level, r.remarks]) for f, r in sound.items()})
        return [found[folder] for folder in folders]

    def _checked(self, fresh: Sequence[Path], board: Path, trust: Trust) -> Iterator[dict[Path, Report]]:
        """Reports of some entries at a time."""
        shares = [fresh[at : at + SHARE] for at in range(0, len(fresh), SHARE)]
        if self.processes == 1 or len(fresh) <= FEW:
            yield from (_share(share, board, trust) for share in shares)
            return
        with ProcessPoolExecutor(self.processes, get_context("spawn")) as pool:
            yield from pool.map(_share, shares, repeat(board), repeat(trust))

    def key(self, folder: Path, board: Path, entry: schema.Entry, trust: Trust) -> str:
        """Everything that a report follows from. Ids are plain: an entry with any other does not validate."""
        erm = self._named(board).get(entry.baseline or "", [])
        replay = board / VERIFIED / f"{entry.id}.json"
        parts = [
            folder.relative_to(board).as_posix(),
            repr(trust),
            *(self._digest(one) for one in (folder, *erm)),
            sha256(replay) if replay.is_file() else "",
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def _named(self, board: Path) -> dict[str, list[Path]]:
        """The folders of a board's entries by their ids, listed once."""
        if board not in self.named:
            found = self.named[board] = {}
            for folder in sorted((board / "results").glob("*/*/*/*")):
                found.setdefault(folder.name, []).append(folder)
        return self.named[board]

    def _digest(self, folder: Path) -> str:
        """Of the files of an entry; ERM's are asked for by many."""
        if folder not in self.seen:
            self.seen[folder] = "none" if any(strange_files(folder)) else content(folder)
        return self.seen[folder]


def _share(folders: Sequence[Path], board: Path, trust: Trust) -> dict[Path, Report]:
    """Reports of some entries."""
    return {folder: check(folder, board, nothing, trust) for folder in folders}


def _read(folder: Path) -> schema.Entry | None:
    """An entry without the care that `schema.read` takes: it counts only where these very bytes were checked before."""
    if any(strange_files(folder)):
        return None
    try:
        return schema.Entry.model_validate_json(untrusted.content(folder / schema.ENTRY, schema.LARGEST))
    except (untrusted.Refused, ValidationError):
        return None


def _recalled(folder: Path, board: Path, entry: schema.Entry, text: str) -> Report:
    level, remarks = json.loads(text)
    return Report(folder.relative_to(board).as_posix(), entry, level, (), tuple(remarks))
