"""Claims by name, and their measurement: stored, so that what is done is never done again."""

import difflib
import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from wgbench.config import Record
from wgbench.disk import write_whole, writing
from wgbench.errors import UnknownName
from wgbench.theory.names import NAMES
from wgbench.theory.records import Arrays, Claim, Finding, Settings
from wgbench.theory.wide import Wide, train

Say = Callable[[str], None]
WIDE_VERSION = 1  # of `wide`: bump when numbers change


class Key(Record):
    """What stored numbers depend on."""

    kind: str
    version: int
    settings: dict[str, Any]


@dataclass(frozen=True)
class Store:
    """`<runs>/theory`: a JSON file and an array file per claim and settings, an array file per wide run."""

    root: Path

    def keep(self, kind: str, key: Record, compute: Callable[[], Arrays]) -> Arrays:
        """The arrays under a key: read, or computed and written."""
        path = self._path(kind, WIDE_VERSION, key, ".npz")
        if path.exists():
            return _read(path)
        found = compute()
        _write(path, _packed(found))
        return found

    def finding(self, claim: Claim, settings: Settings) -> tuple[Finding, Arrays] | None:
        """What was measured before; None where nothing was, or a file is torn."""
        path = self._path(claim.name, claim.version, settings, ".json")
        try:
            finding = Finding.model_validate_json(path.read_bytes())
            return finding, _read(path.with_suffix(".npz"))
        except (OSError, ValueError, ValidationError):
            return None

    def put(self, claim: Claim, finding: Finding, arrays: Arrays) -> None:
        """The arrays first: the JSON file says that all is there."""
        path = self._path(claim.name, claim.version, finding.settings, ".json")
        _write(path.with_suffix(".npz"), _packed(arrays))
        _write(path, finding.model_dump_json(indent=1).encode())

    def _path(self, kind: str, version: int, key: Record, suffix: str) -> Path:
        name = Key(kind=kind, version=version, settings=key.model_dump(mode="json")).digest()
        return self.root / kind / f"{name}{suffix}"


def claim(name: str) -> Claim:
    """A claim by its name; UnknownName with suggestions."""
    asked = name.strip().lower().replace(" ", "-").replace("_", "-")
    if asked not in NAMES:
        close = difflib.get_close_matches(asked, NAMES, n=2, cutoff=0.4)
        guess = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(NAMES)}"
        raise UnknownName(f"wgbench theory {name}", "no such claim", guess)
    found: Claim = import_module(f"wgbench.theory.{NAMES[asked].module}").CLAIM
    return found


def measured(
    names: Sequence[str],
    settings: Settings,
    store: Store,
    jobs: int = 1,
    processor: str = "",
    say: Say = lambda _: None,
) -> list[tuple[Finding, Arrays]]:
    """Findings of the named claims, in order. Long runs and claims that need none are shared out over `jobs` processes.

    `processor` is the name of the machine's, for the record.
    """
    claims = [claim(name) for name in names]
    open_ = [c for c in claims if store.finding(c, settings) is None]
    needed = {run for c in open_ for run in c.runs(settings) if isinstance(run, Wide)}
    alone = [c.name for c in open_ if not c.runs(settings)]
    tasks: list[tuple[str, Any]] = [("claim", name) for name in alone]
    tasks += [("run", run) for run in sorted(needed, key=lambda r: (-r.cost, r.canonical()))]
    _share_out(tasks, settings, store, jobs, processor, say)
    return [_found(c, settings, store, processor, say) for c in claims]


def _share_out(
    tasks: list[tuple[str, Any]], settings: Settings, store: Store, jobs: int, processor: str, say: Say
) -> None:
    if jobs <= 1 or len(tasks) <= 1:
        for kind, what in tasks:
            say(_title(kind, what))
            _work(kind, what, settings, store, processor)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_one_thread) as pool:
        futures = {
            pool.submit(_work, kind, what, settings, store, processor): _title(kind, what) for kind, what in tasks
        }
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            say(f"{done}/{len(tasks)} {futures[future]}")


def _one_thread() -> None:
    torch.set_num_threads(1)


def _work(kind: str, what: Any, settings: Settings, store: Store, processor: str) -> None:
    """One task of a process."""
    if kind == "run":
        store.keep("wide", what, lambda: train(what))
    else:
        _found(claim(what), settings, store, processor, lambda _: None)


def _title(kind: str, what: Any) -> str:
    if kind == "claim":
        return NAMES[what].title
    run: Wide = what
    return f"networks of width {run.width}, L = {run.depth}, {run.algorithm}" + (f", mu = {run.mu:g}" if run.mu else "")


def _found(one: Claim, settings: Settings, store: Store, processor: str, say: Say) -> tuple[Finding, Arrays]:
    """From the store, or measured now."""
    before = store.finding(one, settings)
    if before is not None:
        return before
    say(one.title)
    started = time.process_time()
    result = one.measure(settings, store.keep)
    finding = Finding(
        claim=one.name,
        title=one.title,
        statement=one.statement,
        rule=one.rule,
        rows=tuple(result.rows),
        remarks=tuple(result.remarks),
        facts=dict(result.facts or {}),
        settings=settings,
        seconds=time.process_time() - started,
        processor=processor,
    )
    store.put(one, finding, result.arrays)
    return finding, result.arrays


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name.replace("/", "\\"): value for name, value in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def _read(path: Path) -> Arrays:
    with np.load(path) as file:
        return {name.replace("\\", "/"): file[name] for name in file.files}


def _write(path: Path, content: bytes) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
