"""How long the verbs take that look at much: a store of 100,000 runs, and a board of 4,000 entries, both simulated.

    python benchmarks/store_scale.py [--cells 100000] [--entries 4000] [--part store|board] [--keep FOLDER]

The store holds the cells of a suite (every algorithm, with many learning rates): most of them done, some half done,
some failed, the rest not begun. Curves and predictions are hard links, `cell.json` is every cell's own. The board holds
the committed entries at as many learning rates as it takes: ids, cells, baselines and what they say of themselves are
changed so that `wgbench leaderboard check` finds nothing wrong; curves and predictions are links to the committed ones.

Prints what it finds and writes it, with the machine's description, to benchmarks/results/store_scale.json.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from wgbench import algorithms, runs
from wgbench.config import Cell, place, replaced
from wgbench.drafting import foreseen
from wgbench.registry import BUILT_IN
from wgbench.request import Request
from wgbench.results import remembered, schema
from wgbench.results.identity import subject_of
from wgbench.results.known import known
from wgbench.results.partial import lacks
from wgbench.results.trust import OURS

RESULT = Path(__file__).parent / "results" / "store_scale.json"
BOARD = Path(__file__).parent.parent / "leaderboards"
LINKS = 30_000  # of one file: file systems have a limit
HALF, FAILED, UNTOUCHED = 200, 1000, 50  # every so many'th cell


def rates(n: int) -> list[float]:
    """`n` different learning rates."""
    return [round(0.001 + 0.0001 * i, 6) for i in range(n)]


def suite(names: Sequence[str], variants: int) -> dict[str, Any]:
    """A suite with every algorithm at every learning rate, on the full protocol: 25 cells an entry."""
    given = [{"label": f"lr {lr:g}", "settings": {"recipe.lr": lr}} for lr in rates(variants)]
    return {
        "title": "as many as it takes",
        "entries": [{"datasets": ["colored-digits"], "algorithms": list(names), "variants": given}],
    }


def cells_of(names: Sequence[str], variants: int, store: Path) -> Iterator[Cell]:
    """The cells of that suite: the plan of each algorithm at one learning rate, and then others put in its place."""
    for name in names:
        subject = foreseen(Request(name, "colored-digits", store=store))
        for lr in rates(variants):
            yield from subject.model_copy(update={"recipe": replaced(subject.recipe, {"lr": lr})}).cells()


def simulate(store: Path, cells: Iterator[Cell]) -> dict[str, int]:
    """Run folders as training leaves them; how many there are of each kind."""
    found = {"done": 0, "half done": 0, "failed": 0, "to do": 0}
    for number, cell in enumerate(cells):
        kind = _kind(number)
        found[kind] += 1
        if kind == "to do":
            continue
        folder = runs.folder(store, cell)
        folder.mkdir(parents=True)
        said = {"cell": cell.model_dump(mode="json"), "environment": {"device": platform.machine()}}
        (folder / runs.CELL).write_text(json.dumps(said, indent=1, sort_keys=True))
        originals = store / "originals" / str(number // LINKS)
        if not originals.is_dir():
            _originals(originals, cell.recipe.epochs)
        os.link(originals / ("whole" if kind == "done" else "half"), folder / runs.CURVES)
        if kind == "done":
            os.link(originals / "predictions", folder / runs.PREDICTIONS)
            (folder / runs.RESULT).write_text('{"seconds": 1.0}\n')
        elif kind == "failed":
            (folder / runs.FAILED).write_text('{"why": "simulated"}\n')
        else:
            os.link(originals / "state", folder / "state-1-140.safetensors")
    return found


def _kind(number: int) -> str:
    if number % UNTOUCHED == 7:
        return "to do"
    return "half done" if number % HALF == 11 else "failed" if number % FAILED == 13 else "done"


def _originals(folder: Path, epochs: int) -> None:
    folder.mkdir(parents=True)
    split = {"correct": [1] * 4, "loss": [0.5] * 4, "class_correct": [2] * 2, "predicted": [2] * 2}
    lines = [
        json.dumps({"stage": 1, "epoch": e, "seconds": {"train": 0.03, "eval": 0.01},
                    "train": split, "val": split, "test": split}) + "\n"
        for e in range(1, epochs + 1)
    ]  # fmt: skip
    (folder / "whole").write_text("".join(lines))
    (folder / "half").write_text("".join(lines[: epochs // 2]))
    (folder / "predictions").write_bytes(bytes(6000))
    (folder / "state").write_bytes(bytes(800_000))


def board(where: Path, wanted: int) -> int:
    """A board of at least so many entries, made of the committed ones; how many."""
    committed = sorted((BOARD / "results").glob(f"*/*/*/*/{schema.ENTRY}"))
    made = 0
    for lr in rates(-(-wanted // len(committed))):
        for path in committed:
            entry = altered(schema.read(path.parent), lr)
            folder = where / "results" / place(entry.dataset, entry.backbone, entry.algorithm) / entry.id
            folder.mkdir(parents=True)
            (folder / schema.ENTRY).write_text(entry.to_json())
            for name in entry.files:
                original = where / "originals" / f"{path.parent.name}-{name}"
                if not original.is_file():
                    original.parent.mkdir(parents=True, exist_ok=True)
                    original.write_bytes((path.parent / name).read_bytes())
                os.link(original, folder / name)
            made += 1
    return made


def altered(entry: schema.Entry, lr: float) -> schema.Entry:
    """An entry that says of itself that it was trained with another learning rate, and nothing that contradicts it."""
    subject = subject_of(entry).model_copy(update={"recipe": replaced(entry.recipe, {"lr": lr})})
    ids = {(cell.seed, cell.weight_decay): cell.id for cell in subject.cells()}
    cells = tuple(c.model_copy(update={"id": ids[c.seed, c.weight_decay]}) for c in entry.cells)
    changed: dict[str, Any] = {"id": subject.digest(), "recipe": subject.recipe, "cells": cells}
    if entry.baseline is not None:
        changed["baseline"] = renamed(entry.baseline, lr)
    found = known(entry.dataset, OURS)
    assert found is not None
    changed["partial"] = tuple(lacks(subject, found.dataset, has_baseline=True))
    return entry.model_copy(update=changed)


@cache
def renamed(erm: str, lr: float) -> str:
    """The id of a committed entry of ERM with another learning rate."""
    return altered(schema.read(next((BOARD / "results").glob(f"*/*/*/{erm}"))), lr).id


def timed(words: Sequence[str]) -> dict[str, float]:
    """Seconds of a command of wgbench: by the clock, and of processors."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "wgbench", *words], capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr[-500:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(wall, 1), "processor seconds": round(cpu, 1)}


def look_at_store(work: Path, wanted: int) -> dict[str, Any]:
    """The store's part."""
    names = [n for n in algorithms.names() if algorithms.registry.listing(n).owner == BUILT_IN]
    variants = -(-wanted // (25 * len(names)))
    file, store = work / "scale.yaml", work / "runs"
    file.write_text(json.dumps(suite(names, variants)))  # JSON is YAML
    if not store.is_dir():
        print(f"simulating {wanted} cells of {variants * len(names)} entries in {store}")
        print(simulate(store, islice(cells_of(names, variants, store), wanted)))
    words = ["suite", "status", str(file), "--runs", str(store)]
    for name in ("plans", "index.sqlite"):
        subprocess.run(["rm", "-rf", str(store / name)], check=True)
    found = {"cells": wanted, "entries": variants * len(names)}
    return found | {
        "suite status, index lost": timed([*words, "--json"]),
        "suite status --json": timed([*words, "--json"]),
        "suite status": timed(words),
    }


def look_at_board(work: Path, wanted: int, *, believe: bool) -> dict[str, Any]:
    """The board's part; the cache is a fresh one. `believe`: the first build is left out, its reports are made up."""
    where, cache = work / "board", work / "cache"
    made = len(list(where.glob(f"results/*/*/*/*/{schema.ENTRY}"))) if where.is_dir() else board(where, wanted)
    os.environ["WGBENCH_CACHE"] = str(cache)
    subprocess.run(["rm", "-rf", str(cache)], check=True)
    words = ["leaderboard", "build", "--board", str(where)]
    found: dict[str, Any] = {"entries": made}
    if believe:
        _believed(where, cache)
    else:
        found["leaderboard build, nothing checked yet"] = timed(words)
    return found | {"leaderboard build": timed(words)}


def _believed(where: Path, cache: Path) -> None:
    """Remember that all entries are sound, without a look at them."""
    remembering = remembered.Remembering(cache)
    folders = [path.parent for path in sorted(where.glob(f"results/*/*/*/*/{schema.ENTRY}"))]
    keys = [remembering.key(folder, where, schema.read(folder), OURS) for folder in folders]
    remembering.index.keep({key: json.dumps(["recount", []]) for key in keys})


def machine() -> str:
    """What it was measured on."""
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--entries", type=int, default=4000)
    parser.add_argument("--believe", action="store_true", help="leave the first build out, which takes long")
    parser.add_argument("--part", choices=("store", "board"))
    parser.add_argument("--keep", type=Path, help="a folder to simulate in, and to find it in again")
    wanted = parser.parse_args()
    result = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    result["machine"] = machine()
    with tempfile.TemporaryDirectory() as passing:
        work = wanted.keep or Path(passing)
        work.mkdir(parents=True, exist_ok=True)
        if wanted.part != "board":
            result["store"] = look_at_store(work, wanted.cells)
        if wanted.part != "store":
            found = look_at_board(work, wanted.entries, believe=wanted.believe)
            result[f"board of {found['entries']} entries"] = found
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
