"""Where the time of an epoch goes, before and after: the field's loop beside wgbench, in seconds of one core.

    python benchmarks/epoch_profile.py [--side 224] [--share .0133]

Each trains and evaluates on one thread, the loader without workers of its own, so that every second is seen where it is
spent; the second epoch is measured. Prints the table and writes it to benchmarks/results/profile-cpu.json. What is done
once, decoding into the store and making evaluation views, is listed apart.
"""

import argparse
import functools
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import images
import systems
import torch
from PIL import Image, ImageFile
from systems import Field, Loop, Setting, engine
from throughput import RESULTS, SIZES, bf16_in_hardware, keep, machine

from wgbench.backbones.timm import TimmNetwork
from wgbench.datasets.base import SPLITS
from wgbench.engine import pictures, seen

PHASES = (
    "decoding JPEG",
    "training views: crop, resize, flip",
    "evaluation views: resize, crop",
    "tensors, normalised",
    "forward, training",
    "backward",
    "optimiser",
    "forward, evaluation",
    "the rest: order, weights, metrics",
)


class Clock:
    """Seconds of the processor per phase; what one phase asks of another counts for the other alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.local = threading.local()

    def watch(self, owner: object, name: str, phase: str | Callable[..., str]) -> None:
        """Replace a function by one that is timed."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*given, **options):
            inner = self.local.__dict__.setdefault("inner", [])
            started = time.thread_time()
            inner.append(0.0)
            try:
                return function(*given, **options)
            finally:
                took = time.thread_time() - started
                own = took - inner.pop()
                self.seconds[phase if isinstance(phase, str) else phase(*given)] += own
                if inner:
                    inner[-1] += took

        setattr(owner, name, timed)


def watched() -> Clock:
    """A clock on everything that has a phase of its own."""
    clock = Clock()
    clock.watch(Image, "open", PHASES[0])
    clock.watch(ImageFile.ImageFile, "load", PHASES[0])
    for module in (systems, pictures):
        clock.watch(module, "training_view", PHASES[1])
    for module in (systems, pictures, seen):
        clock.watch(module, "eval_view", PHASES[2])
    clock.watch(systems.Files, "__getitem__", PHASES[3])
    clock.watch(pictures.Pictures, "train", PHASES[3])
    clock.watch(pictures.Pictures, "eval", PHASES[3])
    clock.watch(TimmNetwork, "features", lambda network, _: PHASES[4 if network.training else 7])
    clock.watch(torch.Tensor, "backward", PHASES[5])
    clock.watch(torch.optim.SGD, "step", PHASES[6])
    return clock


def epoch(setting: Setting) -> dict[str, float]:
    """Seconds of the phases of the second epoch, and of what was done before the first."""
    torch.set_num_threads(1)
    started = time.process_time()
    if setting.system != "S0":
        for split in images.splits(setting.folder, setting.cache / "store", setting.size).values():
            seen.evaluation_views(split.x, setting.size.views, setting.cache)
    once = time.process_time() - started
    clock = watched()
    made = alone(setting) if setting.system == "S0" else engine(setting)
    next(made)
    clock.seconds.clear()
    started = time.process_time()
    next(made)
    total = time.process_time() - started
    found = {phase: clock.seconds[phase] for phase in PHASES[:-1]}
    found[PHASES[-1]] = total - sum(found.values())
    return {**found, "an epoch": total, "once: store and evaluation views": once}


def alone(setting: Setting):
    """The field's loop in this process."""
    made = Field(setting, Loop(0, tuned=False, reads_groups=True, tf32=False))
    for number in (1, 2):
        loss = made.train(number)
        for split in SPLITS:
            made.evaluate(split)
        yield loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--share", type=float, help="of Waterbirds' images")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    size = SIZES["cpu"][asked.side]
    size = replace(size, share=asked.share or size.share)
    best = "bf16" if bf16_in_hardware("cpu", size.side)[0] else "fp32"
    columns = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "images"
        groups = images.write(folder, size)
        for name, system in {"the field's loop, fp32": "S0", "wgbench, fp32": "S3", f"wgbench, {best}": "S5"}.items():
            setting = Setting(system, size, folder, Path(place) / f"cache {system}", "cpu", 1, best)
            with get_context("spawn").Pool(1) as pool:  # a process of its own
                columns[name] = {k: round(s, 3) for k, s in pool.apply(epoch, (setting,)).items()}
            print(f"  {name}: {columns[name]['an epoch']} s", flush=True)
    train, everyone = len(groups["train"]), sum(map(len, groups.values()))
    what = f"{train} train, {everyone} evaluated, batch {size.batch}, {size.side} px from {images.PIXELS} px JPEG"
    print(f"{what}\n\n| core seconds | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for phase in (*PHASES, "an epoch", "once: store and evaluation views"):
        print(f"| {phase} | {' | '.join(f'{c[phase]:.2f}' for c in columns.values())} |")
    found = {"machine": machine("cpu"), "size": what, "core seconds": columns}
    keep(RESULTS / "profile-cpu.json", {f"{size.side} px": found})
    print(f"written to {RESULTS / 'profile-cpu.json'}")


if __name__ == "__main__":
    main()
