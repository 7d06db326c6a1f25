"""Texts by key in one SQLite file: what took long to work out is found again.

A cache, and never the truth: what it holds follows from something else, and it may be deleted at any time. Whatever
goes wrong with it (no such file, a damaged one, no right to write, another process that writes), it is as if nothing
had been kept. Keys say all that a text follows from, but for `age`: what every text depends on. Texts of another age
are forgotten.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 5.0  # seconds for another process to finish writing
TABLE = "CREATE TABLE IF NOT EXISTS kept (age TEXT, key TEXT, text TEXT, sum INTEGER, PRIMARY KEY (age, key))"


@dataclass(frozen=True)
class Index:
    """Texts of one age in a file; the folder is made when something is kept."""

    path: Path
    age: str

    def recall(self, keys: Iterable[str]) -> dict[str, str]:
        """The texts that are there, by key."""
        found: dict[str, str] = {}
        if not self.path.is_file():
            return found
        with contextlib.suppress(sqlite3.Error, UnicodeError), self._open("ro") as file:
            for key in keys:
                row = file.execute("SELECT text, sum FROM kept WHERE age = ? AND key = ?", (self.age, key)).fetchone()
                if row is not None and _sum(row[0]) == row[1]:
                    found[key] = row[0]
        return found

    def keep(self, texts: Mapping[str, str]) -> None:
        """Keep texts under their keys, and forget those of another age. A damaged file is made anew."""
        if not texts:
            return
        with contextlib.suppress(sqlite3.Error, OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._write(texts)
            except sqlite3.OperationalError:  # somebody else is writing, the disk is full, it cannot be written
                return
            except sqlite3.DatabaseError:
                self.path.unlink()
                self._write(texts)

    def _write(self, texts: Mapping[str, str]) -> None:
        rows = [(self.age, key, text, _sum(text)) for key, text in texts.items()]
        with self._open("rwc") as file, file:
            file.execute(TABLE)
            file.execute("DELETE FROM kept WHERE age != ?", (self.age,))
            file.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", rows)

    @contextlib.contextmanager
    def _open(self, mode: str) -> Iterator[sqlite3.Connection]:
        file = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode={mode}", uri=True, timeout=PATIENCE)
        try:
            yield file
        finally:
            file.close()


def _sum(text: object) -> int:
    """A checksum: SQLite has none for what its pages hold."""
    return zlib.crc32(text.encode()) if isinstance(text, str) else -1
