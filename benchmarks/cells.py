"""What training small networks together gains: the embedded default's full protocol in three ways, in one run.

    python benchmarks/cells.py [--epochs 300] [--repeats 1]

`wgbench run gdro colored-digits`: Group DRO, five seeds x five weight decays, and ERM's five cells as the baseline,
each time from nothing into a store of its own. Groups of cells in one program in two processes; one cell at a time in
two processes; one cell after another. Prints seconds and ratios, and writes them, with the machine's description, to
benchmarks/results/cells.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from wgbench.launch.environment import environment
from wgbench.results import schema

RESULT = Path(__file__).parent / "results" / "cells.json"
WAYS = {
    "together, 2 processes": ("--vectorize", "auto", "--jobs", "2"),
    "one at a time, 2 processes": ("--vectorize", "off", "--jobs", "2"),
    "one after another": ("--vectorize", "off", "--jobs", "1"),
}


def protocol(way: tuple[str, ...], epochs: int, store: Path) -> tuple[float, float, float]:
    """Seconds on the clock and of processors, and worst-group accuracy of the entry, mean over seeds."""
    words = ["-m", "wgbench", "run", "gdro", "colored-digits", "--epochs", str(epochs), "--runs", str(store), *way]
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, os.times()
    busy = after.children_user - before.children_user + after.children_system - before.children_system
    entries = [schema.read(path.parent) for path in (store / "entries").glob("*/entry.json")]
    (own,) = [e for e in entries if e.algorithm.name == "gdro"]
    assert own.scores.wga_final is not None
    return wall, busy, own.scores.wga_final.mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=1)
    wanted = parser.parse_args()
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory() as place:
        protocol(WAYS["together, 2 processes"], 10, Path(place) / "warm")  # files into the page cache, data prepared
        for k in range(wanted.repeats):
            for name, way in WAYS.items():
                found[name].append(protocol(way, wanted.epochs, Path(place) / f"{k} {name}"))
    wall, busy, accuracy = ({name: median(run[i] for run in runs) for name, runs in found.items()} for i in range(3))
    together, both, single = WAYS
    said = environment(torch.device("cpu"), 1, deterministic=False)
    result = {
        "machine": f"{said['device']}, {len(os.sched_getaffinity(0))} cores, {said['platform']}",
        "packages": {"python": said["python"], **said["packages"]},  # type: ignore[dict-item]
        "revision": said["revision"],
        "protocol": f"gdro on colored-digits and its baseline, 30 cells x {wanted.epochs} epochs",
        "repeats": wanted.repeats,
        "seconds": {name: round(s, 1) for name, s in wall.items()},
        "seconds of processors": {name: round(s, 1) for name, s in busy.items()},
        "ratio to one after another": round(wall[single] / wall[together], 2),
        "ratio to one at a time, 2 processes": round(wall[both] / wall[together], 2),
        "ratio of processors' seconds to one after another": round(busy[single] / busy[together], 2),
        "wga_final": {name: round(a, 4) for name, a in accuracy.items()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
