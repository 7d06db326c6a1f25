"""Which cells requests come down to, remembered in the store: asking how far a suite is then needs no torch."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wgbench.config import Cell
from wgbench.index import Index
from wgbench.installation import fingerprint
from wgbench.launch.speed import Brief, brief
from wgbench.request import Request

FILE = "index.sqlite"  # in a store
DECISIVE = (
    *("algorithm", "dataset", "backbone", "seeds", "weight_decays", "epochs"),
    *("settings", "pretrained", "device", "precision", "pipeline", "compile", "threads", "vectorize"),
    *("data_dir", "baseline"),
)


@dataclass(frozen=True)
class Foreseen:
    """The cells of an entry and of its ERM. `undecided` are those whose options a search has yet to choose."""

    entry: str  # its id; empty while a search is to be done
    cells: tuple[Brief, ...]
    undecided: tuple[Brief, ...] = ()
    lasting: bool = True  # whether names and options decide them alone: no files that may change

    @classmethod
    def of(cls, entry: str, cells: Iterable[Cell], undecided: Iterable[Cell] = ()) -> "Foreseen":
        """The same, from the cells' records."""
        some, open_ = tuple(cells), tuple(undecided)
        lasting = all(cell.data is None for cell in some)
        return cls(entry, tuple(map(brief, some)), tuple(map(brief, open_)), lasting)


class Plans:
    """What is remembered in a store, of this very installation of wgbench and its plug-ins."""

    def __init__(self, store: Path) -> None:
        self.index = Index(store / FILE, fingerprint())

    def recall(self, requests: Sequence[Request]) -> list[Foreseen | None]:
        """What was kept for each request; None where nothing was."""
        keys = [_key(request) for request in requests]
        texts = self.index.recall(keys)
        return [_read(texts[key]) if key in texts and _kept(r) else None for r, key in zip(requests, keys, strict=True)]

    def keep(self, found: Iterable[tuple[Request, Foreseen]]) -> None:
        """Keep what names and options decide alone: not what follows from a search, or from files that may change."""
        lasting = [(request, foreseen) for request, foreseen in found if _kept(request) and foreseen.lasting]
        self.index.keep({_key(request): json.dumps([f.entry, f.cells]) for request, f in lasting})


def _kept(request: Request) -> bool:
    return not request.tune and not request.weights


def _read(text: str) -> Foreseen:
    entry, cells = json.loads(text)
    return Foreseen(entry, tuple(Brief(*cell) for cell in cells))


def _key(request: Request) -> str:
    given = {name: str(getattr(request, name)) for name in DECISIVE}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:16]
