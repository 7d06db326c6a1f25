"""How fast the decode-once store is built, against PIL alone in as many new processes, in turns, in one run.

    python benchmarks/cache_build.py [--images 5000] [--repeats 7]

Prints the table and writes it, with the machine's description, to benchmarks/results/cache_build.json. Then an epoch is
trained and evaluated from the store, and every call of PIL's decoder and resampler in it is counted.

What the store writes takes memory, a page of 4 KiB at a time. A virtual machine may have given free memory back to its
host, and then waits for the host at every page. So the store is built twice a round: where that memory has just been in
use, as on a machine of one's own, and where none has been for some seconds.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

from wgbench.config import Views
from wgbench.datasets import decoding, store
from wgbench.engine.pictures import Pictures
from wgbench.types import Preprocess

STORE, FRESH = "store", "store, in memory long unused"
UNUSED = 4  # seconds after which Linux gives free memory back
RESULT = Path(__file__).parent / "results" / "cache_build.json"


def photographs(folder: Path, n: int) -> list[str]:
    """`n` files of about 500 x 375 pixels with the detail of photographs, JPEG of quality 90; 500 of them differ."""
    rng = np.random.default_rng(0)
    names = []
    for i in range(n):
        names.append(f"{i:05d}.jpg")
        if i >= 500:
            os.link(folder / names[i % 500], folder / names[-1])
            continue
        width, height = 500 - i % 13, 375 + i % 11
        coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        fine = rng.normal(0, 8, (height, width, 3))
        image = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)) + fine
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / names[-1], quality=90)
    return names


ALONE = """
import sys
import numpy as np
from PIL import Image
for line in sys.stdin:
    image = Image.open(line.rstrip())
    {}
"""
WAYS = {
    "PIL alone, .convert('RGB')": 'np.asarray(image.convert("RGB"))',  # torchvision's way
    "PIL alone, as it is": "np.asarray(image)",
    "PIL alone, .load()": "image.load()",  # the least: pixels stay in PIL's own layout
}


def alone(folder: Path, names: list[str], workers: int, then: str) -> None:
    """Decode all images in `workers` new processes, and keep nothing."""
    with ExitStack() as stack:
        for k in range(workers):
            listed = stack.enter_context(tempfile.TemporaryFile("w+"))
            listed.writelines(f"{folder / name}\n" for name in names[k::workers])
            listed.seek(0)
            command = [sys.executable, "-c", ALONE.format(then)]
            stack.enter_context(subprocess.Popen(command, stdin=listed))  # waited for on leaving


def built(cache: Path, folder: Path, names: list[str], workers: int) -> None:
    """Build the store, where there is none."""
    store.open_or_build(cache, folder, names, workers=workers)


def prepared(cache: Path, images: int, way: str) -> None:
    """No store, and as much memory as it takes used and freed just now; or not, for `FRESH`."""
    shutil.rmtree(cache, ignore_errors=True)
    if way == FRESH:
        time.sleep(UNUSED)
    else:
        np.ones(images * 600_000, np.uint8)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds that pass, processes started included, and seconds of all cores together."""
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return time.perf_counter() - wall, _cpu() - cpu


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def against(way: str, rounds: list[dict[str, tuple[float, float]]], what: str) -> dict[str, object]:
    """The speed of building the store, in one of two states of memory, over that of decoding alone, of each round."""
    ratios = [r[way][0] / r[what][0] for r in rounds]
    return {
        "median": round(median(ratios), 3),
        "rounds": [round(ratio, 3) for ratio in ratios],
        "median by the cores' seconds": round(median(r[way][1] / r[what][1] for r in rounds), 3),
    }


def calls_in_an_epoch(cache: Path, folder: Path, names: list[str]) -> dict[str, int]:
    """How often an epoch from the store opens an image file or makes an evaluation view."""
    ragged = store.open_or_build(cache, folder, names)
    views = Views(size=224, eval=(("resize", 256), ("crop", 224)))
    pictures = Pictures(ragged, views, Preprocess(), torch.device("cpu"), torch.float32, cache)
    seen = {"files opened": 0, "evaluation views made": 0}
    opened, made = Image.open, Pictures.eval.__globals__["eval_view"]

    def counted(name, function):
        def call(*given, **options):
            seen[name] += 1
            return function(*given, **options)

        return call

    Image.open = counted("files opened", opened)
    Pictures.eval.__globals__["eval_view"] = counted("evaluation views made", made)
    try:
        for part in pictures.batches():
            pictures.train(part[:64], pictures.crops(part[:64], 1))
            pictures.eval(part)
    finally:
        Image.open = opened
        Pictures.eval.__globals__["eval_view"] = made
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=8)
    wanted = parser.parse_args()
    workers, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "images", Path(place) / "cache"
        folder.mkdir()
        names = photographs(folder, wanted.images)
        works = {
            **{way: partial(alone, folder, names, workers, then) for way, then in WAYS.items()},
            **dict.fromkeys((STORE, FRESH), partial(built, cache, folder, names, workers)),
        }
        works[STORE]()  # files into the page cache
        rounds = []
        for i in range(wanted.repeats):
            rounds.append({})
            for way in list(works) if i % 2 else list(works)[::-1]:
                prepared(cache, wanted.images, way)
                rounds[-1][way] = timed(works[way])
        result = {
            "machine": f"{platform.machine()}, {workers} cores",
            "decoders of the store": decoding.versions(),
            "load of the machine before": round(load, 1),
            "images": wanted.images,
            "images per second": {way: round(wanted.images / median(r[way][0] for r in rounds)) for way in works},
            "core ms per image": {
                way: round(1e3 * median(r[way][1] for r in rounds) / wanted.images, 3) for way in works
            },
            **{f"{what} against {way}": against(way, rounds, what) for what in (STORE, FRESH) for way in WAYS},
            "in an epoch": calls_in_an_epoch(cache, folder, names),
        }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
