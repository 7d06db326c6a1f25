"""Entries of a board that were checked before, by this installation, and have not changed: not checked again.

What is remembered follows from the bytes of the files of an entry, of ERM that it is held against, and of its replay.
Only where all of them are the same does an earlier report stand; times and names of files count for nothing.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from wgbench import untrusted
from wgbench.index import Index
from wgbench.installation import fingerprint
from wgbench.results import schema
from wgbench.results.checking import FILES, Report, check
from wgbench.results.identity import sha256
from wgbench.results.known import Labels, nothing
from wgbench.results.trust import NOBODY_ELSE, Trust
from wgbench.results.verify import VERIFIED

FILE = "checked.sqlite"  # in the cache


@dataclass
class Remembering:
    """`checking.check` for what lies on a board and is looked at without data: `cache` is where reports are kept.

    Reports with problems are not kept: those that have any are few, and looked at until they have none.
    """

    cache: Path
    seen: dict[Path, str] = field(default_factory=dict)
    named: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = Index(self.cache / FILE, fingerprint())

    def __call__(
        self, folder: Path, board: Path | None = None, labels: Labels = nothing, trust: Trust = NOBODY_ELSE
    ) -> Report:
        """What `check` says of an entry."""
        if board is None or labels is not nothing or not _plain(folder):
            return check(folder, board, labels, trust)
        try:
            # Read without the care that `schema.read` takes: it counts only where these very bytes were checked before.
            entry = schema.Entry.model_validate_json(untrusted.content(folder / schema.ENTRY, schema.LARGEST))
        except (untrusted.Refused, ValidationError):
            return check(folder, board, labels, trust)
        key = self.key(folder, board, entry, trust)
        if text := self.index.recall([key]).get(key):
            level, remarks = json.loads(text)
            return Report(folder.relative_to(board).as_posix(), entry, level, (), tuple(remarks))
        report = check(folder, board, labels, trust)
        if report.level is not None:
            self.index.keep({key: json.dumps([report.level, report.remarks])})
        return report

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
            self.seen[folder] = " ".join(sha256(folder / name) for name in FILES) if _plain(folder) else "none"
        return self.seen[folder]


def _plain(folder: Path) -> bool:
    """Whether it holds the three files of an entry, and nothing else."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    there = list(folder.iterdir())
    return sorted(p.name for p in there) == sorted(FILES) and all(p.is_file() and not p.is_symlink() for p in there)
