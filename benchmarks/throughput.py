"""Training with evaluation after every epoch: wgbench beside the field's loops, in one interleaved run.

    python benchmarks/throughput.py [--device cuda]     # under ten minutes on two cores, or on a GPU
    python benchmarks/throughput.py --sides 224 --batch 128 --share .0534 --systems S0,S5,S6    # a paper's batch
    python benchmarks/throughput.py --growth            # how an epoch grows: examples, groups, pixels, cells

Prints the table and writes it, with the machine's description, to benchmarks/results/throughput-<cpu|gpu>.json; what an
earlier run measured there at another resolution stays. Systems are those of `systems.py`. They take turns epoch by
epoch, each in a process of its own, so that others who use the machine hit all of them alike; ratios are medians over
the rounds. Before anything is timed, all of them train one epoch from the same weights on the same crops: their losses
must agree, or nothing is reported. On a busy machine look at core seconds: threads that wait for each other wait for
everybody.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import images
import PIL
import torch
from systems import Setting, serve

from wgbench import backbones
from wgbench.datasets.base import SPLITS
from wgbench.engine import precision, probe
from wgbench.engine.seen import evaluation_views
from wgbench.launch.environment import device_name, revision
from wgbench.types import Spec

RESULTS = Path(__file__).parent / "results"
SIZES = {
    "cpu": {224: images.Size(224, 128 / 4795, 32), 64: images.Size(64, 512 / 4795, 128)},
    "gpu": {224: images.Size(224, 0.5, 128), 64: images.Size(64, 0.5, 128)},
}
CLOSE = {"fp32": 2e-3, "other": 3e-2}  # relative, of the mean loss of an epoch
EMULATED = 0.7  # a step in bf16 that takes longer than 1/0.7 of one in fp32 has no hardware


class System:
    """One or several processes that train in step."""

    def __init__(self, setting: Setting, processes: int = 1) -> None:
        self.name = setting.system
        context = get_context("spawn")
        before = os.environ.get("OMP_NUM_THREADS")
        os.environ["OMP_NUM_THREADS"] = str(setting.threads)
        self.members = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, setting))
            process.start()
            theirs.close()
            self.members.append((process, ours))
        del os.environ["OMP_NUM_THREADS"]
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before

    def epoch(self) -> dict:
        """One epoch of all members: the slowest one's time."""
        try:
            for _, pipe in self.members:
                pipe.send("epoch")
            answers = [pipe.recv() for _, pipe in self.members]
        except (EOFError, BrokenPipeError):
            remedy = "if memory ran out, ask for fewer --systems at once, or a smaller --batch"
            raise SystemExit(f"{self.name}: its process ended; {remedy}") from None
        slowest = max(answers, key=lambda a: a["seconds"])
        together = {key: sum(a[key] for a in answers) for key in ("cpu_seconds", "memory")}
        return {**slowest, **together}

    def close(self) -> None:
        for process, pipe in self.members:
            pipe.close()
            process.join(10)
            process.kill()


def systems(wanted: argparse.Namespace, bf16: bool) -> tuple[dict[str, int], dict[str, str]]:
    """Names, and how many processes each has; and why others are left out."""
    gpu = wanted.device != "cpu"
    left_out = {} if gpu else {"S4": "tf32 is a mode of GPUs"}
    if not gpu and not wanted.compile:
        left_out["S5c"] = "compiling pays on long runs only: ask with --compile"
    if not bf16:
        left_out["S5"] = "this machine computes bf16 in software"
    several = wanted.cells or (2 if gpu else os.cpu_count() or 1)
    names = {**dict.fromkeys(("S0", "S1", "S2", "S3", "S4", "S5", "S5c"), 1), "S6": several, "Sinf": 1}
    only = set(filter(None, wanted.systems.split(",")))
    return {n: k for n, k in names.items() if n not in left_out and (not only or n in only)}, left_out


def bf16_in_hardware(device: str, side: int) -> tuple[bool, float | None]:
    """Whether bf16 is not emulated; on a CPU also how many times faster than fp32 a training step is with it."""
    if device != "cpu":
        return precision.has_bf16(torch.device(device)), None
    found = probe.trial(lambda: backbones.make("resnet18").build(Spec((3, side, side), 2)), side, 1)
    return found.fp32 > EMULATED * found.bf16, round(found.fp32 / found.bf16, 2)


def measured(size: images.Size, asked: argparse.Namespace) -> dict:
    """Rows of one size; systems of one process have as many threads as asked."""
    device, rounds, cores = asked.device, asked.rounds, asked.threads
    bf16, gain = bf16_in_hardware(device, size.side)
    wanted, left_out = systems(asked, bf16)
    best = "bf16" if bf16 else "fp32"
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "images", Path(place) / "cache"
        groups = images.write(folder, size)
        started = time.perf_counter()
        splits = images.splits(folder, cache / "store", size)
        for split in splits.values():
            evaluation_views(split.x, size.views, cache)
        built = time.perf_counter() - started
        running = {}
        try:
            first = {}
            for name, n in wanted.items():
                threads = 1 if n > 1 else cores
                running[name] = System(Setting(name, size, folder, cache, device, threads, best), n)
                first[name] = running[name].epoch()
                print(
                    f"  {name}: first epoch {first[name]['seconds']:.1f} s, loss {first[name]['loss']:.4f}", flush=True
                )
            check({name: answer["loss"] for name, answer in first.items()})
            seen = {name: [] for name in wanted}
            for k in range(rounds):
                if k and time.perf_counter() - began > asked.seconds * (k / (k + 1)):
                    break  # another round would not fit
                for name, system in running.items():
                    seen[name].append(system.epoch())
                print(f"  round {k + 1} of {rounds}", flush=True)
        finally:
            for system in running.values():
                system.close()
    train, everyone = len(groups["train"]), sum(len(groups[s]) for s in SPLITS)
    visited = train // size.batch * size.batch + everyone
    rows = {name: row(name, seen, first[name], wanted, visited) for name in seen}
    what = f"{train} train, {everyone} evaluated, batch {size.batch}, {size.side} px from {images.PIXELS} px JPEG"
    return {
        "machine": machine(device),
        "size": what,
        "threads": cores,
        "bf16 step against fp32 step, one thread": gain,
        "left out": left_out,
        "store and views built, s": round(built, 2),
        "systems": rows,
    }


def row(name: str, seen: dict[str, list[dict]], first: dict, cells: dict[str, int], visited: int) -> dict:
    """What is reported of a system, from its answers in all rounds; `visited` images are seen per epoch and cell."""
    answers = seen[name]

    def ratio(to: str, of: str = "seconds") -> float | None:
        """How many times faster than another system, per cell; None where it was not run."""
        found = [a[of] / b[of] * cells[name] for a, b in zip(seen.get(to, []), answers, strict=False)]
        return round(median(found), 2) if found else None

    return {
        "cells": cells[name],
        "seconds per epoch": round(median(a["seconds"] for a in answers), 3),
        "images/s": round(median(cells[name] * visited / a["seconds"] for a in answers), 1),
        "x S0": ratio("S0"),
        "x S2": ratio("S2"),
        "share of Sinf": ratio("Sinf"),
        "core s": round(median(a["cpu_seconds"] for a in answers) / cells[name], 2),
        "x S0 in core s": ratio("S0", "cpu_seconds"),
        "reads from GPU": round(median(a["reads"] for a in answers)),
        "peak MB": max(a["memory"] for a in answers),
        "first epoch, s": round(first["seconds"], 2),
        "loss of epoch 1": round(first["loss"], 5),
        "all seconds": [round(a["seconds"], 3) for a in answers],
    }


def check(losses: dict[str, float]) -> None:
    """Stop where two systems did not compute the same thing."""
    plain = next(iter(losses))
    for name, loss in losses.items():
        close = CLOSE["fp32" if name in ("S0", "S1", "S3") else "other"]
        if name != "Sinf" and abs(loss - losses[plain]) > close * losses[plain]:
            raise SystemExit(f"{name} has a loss of {loss:.5f} after an epoch, {plain} one of {losses[plain]:.5f}")


def growth(asked: argparse.Namespace, path: Path) -> None:
    """Seconds per epoch of S5 against one thing at a time; each is in the file as soon as it is measured."""
    device, threads = asked.device, asked.threads
    plain = images.Size(64, 0.02, 16) if device == "cpu" else images.Size(64, 0.25, 128)
    best = "bf16" if bf16_in_hardware(device, plain.side)[0] else "fp32"
    sizes = {
        **{f"{k}x examples": (replace(plain, share=k * plain.share), {}) for k in (1, 2, 4)},
        **{f"{g} groups, gdro": (replace(plain, groups=g), {"algorithm": "gdro"}) for g in (4, 32, 256)},
        **{f"{side} px": (replace(plain, side=side), {}) for side in (64, 96, 128, 224)},
    }
    plans = {
        name: (Setting("S5", size, Path(), Path(), device, threads, best, **changes), 1)
        for name, (size, changes) in sizes.items()
    }
    plans |= {f"{k} cells": (Setting("S5", plain, Path(), Path(), device, 1, best), k) for k in (1, 2, 4)}
    found: dict = {"machine": machine(device), "threads": threads, "an epoch": {}}
    for name, (setting, cells) in plans.items():
        found["an epoch"][name] = epochs_of(setting, cells)
        print(f"  {name}: {found['an epoch'][name]}", flush=True)
        keep(path, {"growth": found})


def epochs_of(setting: Setting, cells: int) -> dict[str, float]:
    """Seconds of an epoch, and those of all cores together: medians of three after the first."""
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "images", Path(place) / "cache"
        images.write(folder, setting.size)
        images.splits(folder, cache / "store", setting.size)
        system = System(replace(setting, folder=folder, cache=cache), cells)
        try:
            system.epoch()
            answers = [system.epoch() for _ in range(3)]
            return {of: round(median(a[of] for a in answers), 3) for of in ("seconds", "cpu_seconds")}
        finally:
            system.close()


def table(title: str, found: dict) -> str:
    """The rows as Markdown."""
    rows = found["systems"].values()
    hidden = {"all seconds"} if any(row["reads from GPU"] for row in rows) else {"all seconds", "reads from GPU"}
    columns = [c for c in next(iter(rows)) if c not in hidden]
    lines = [f"{title}: {found['size']}; store and views built in {found['store and views built, s']} s", ""]
    lines += [f"| system | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name, row in found["systems"].items():
        lines.append(f"| {name} | {' | '.join('' if row[c] is None else str(row[c]) for c in columns)} |")
    lines += [f"{name} is left out: {why}" for name, why in found["left out"].items()]
    return "\n".join(lines)


def machine(device: str) -> dict:
    """What the numbers depend on."""
    features = torch.backends.cpu.get_cpu_capability()
    amx = bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
    return {
        "device": device_name(torch.device(device)),
        "cores": os.cpu_count(),
        "instructions": f"{features}, AMX {'yes' if amx else 'no'}",
        "load when started": [round(x, 1) for x in os.getloadavg()],
        "versions": f"torch {torch.__version__}, Pillow {PIL.__version__}, Python {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "wgbench": revision(),
    }


def keep(path: Path, found: dict) -> None:
    """Put what was measured into the file, beside what is there."""
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**before, **found}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--sides", default="224,64")
    parser.add_argument("--share", type=float, help="of Waterbirds' images")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=270, help="for one resolution: then no further round is begun")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of systems that are one process")
    parser.add_argument("--cells", type=int, default=0, help="of S6; one per core, or two on a GPU")
    parser.add_argument("--compile", action="store_true", help="S5c on a CPU too; on a GPU it is always there")
    parser.add_argument("--growth", action="store_true", help="how the time of an epoch grows, instead of the table")
    parser.add_argument("--systems", default="", help="only these, as S0,S5")
    asked = parser.parse_args()
    kind = "cpu" if asked.device == "cpu" else "gpu"
    path = RESULTS / f"throughput-{kind}.json"
    torch.set_num_threads(1)
    print(json.dumps(machine(asked.device), indent=1), flush=True)
    if asked.growth:
        growth(asked, path)
        print(f"written to {path}")
        return
    for side in map(int, asked.sides.split(",")):
        print(f"{side} px", flush=True)
        size = SIZES[kind][side]
        size = replace(size, share=asked.share or size.share, batch=asked.batch or size.batch)
        found = measured(size, asked)
        print(table(f"{side} px", found), flush=True)
        keep(path, {f"{side} px, batch {size.batch}": found})
    print(f"written to {path}")


if __name__ == "__main__":
    main()
