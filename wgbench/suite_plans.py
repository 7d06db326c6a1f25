"""Which cells a request comes down to, remembered in the store: asking how far a suite is then needs no torch."""

import hashlib
import json
import os
from importlib import metadata
from pathlib import Path

from pydantic import ValidationError

import wgbench
from wgbench.config import Cell, Record
from wgbench.disk import write_whole, writing
from wgbench.request import Request

FOLDER = "plans"  # in a store
KINDS = ("algorithms", "losses", "datasets", "backbones")
DECISIVE = (
    *("algorithm", "dataset", "backbone", "seeds", "weight_decays", "epochs"),
    *("settings", "pretrained", "device", "precision", "pipeline", "compile", "threads", "vectorize"),
    *("data_dir", "baseline"),
)


class Foreseen(Record):
    """The cells of an entry and of its ERM. `undecided` are those whose options a search has yet to choose."""

    entry: str  # its id; empty while a search is to be done
    cells: tuple[Cell, ...]
    undecided: tuple[Cell, ...] = ()


def recall(request: Request) -> Foreseen | None:
    """What was kept for this request by this very installation of wgbench and its plug-ins; None if nothing was."""
    try:
        return Foreseen.model_validate_json(_path(request).read_bytes())
    except (OSError, ValidationError):
        return None


def keep(request: Request, foreseen: Foreseen) -> None:
    """Keep what names and options decide alone: not what follows from a search, or from files that may change."""
    if request.tune or request.weights or any(cell.data is not None for cell in foreseen.cells):
        return
    path = _path(request)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, foreseen.model_dump_json().encode())


def _path(request: Request) -> Path:
    given = {name: str(getattr(request, name)) for name in DECISIVE}
    key = hashlib.sha256(json.dumps([given, _installation()], sort_keys=True).encode()).hexdigest()[:16]
    return request.store / FOLDER / f"{key}.json"


def _installation() -> list[str]:
    """What plug-ins and their versions depend on: the package's files, other packages, what was registered by hand."""
    root = Path(wgbench.__file__).parent
    files = [(path, path.stat()) for path in sorted(root.rglob("*.py"))]
    seen = [f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}" for path, status in files]
    points = [point for kind in KINDS for point in metadata.entry_points(group=f"wgbench.{kind}")]
    seen += sorted(f"{point} {point.dist.version if point.dist else ''}" for point in points)
    seen += [f"{kind} {getattr(wgbench, kind).registry.registered()}" for kind in KINDS]
    seen += [
        metadata.version("torch"),
        *(os.environ.get(name, "") for name in ("WGBENCH_PLUGINS", "CUDA_VISIBLE_DEVICES")),
    ]
    return seen
