"""How fast the decode-once store is built, against PIL alone in as many fresh processes, interleaved in one run.

    python benchmarks/cache_build.py [--images 5000] [--repeats 5]

Prints the table and writes it, with the machine's description, to benchmarks/results/cache_build.json. Then an epoch is
trained and evaluated from the store, and every call of PIL's decoder and resampler in it is counted.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
import PIL
import torch
from PIL import Image

from wgbench.config import Views
from wgbench.datasets import store
from wgbench.engine.pictures import Pictures
from wgbench.types import Preprocess

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


def decode(paths: list[Path]) -> int:
    """Decode every image with PIL, keep nothing."""
    return sum(np.asarray(Image.open(path).convert("RGB")).shape[0] for path in paths)


def alone(folder: Path, names: list[str], workers: int) -> float:
    """Seconds to decode all images in `workers` new processes, counted from when they have started."""
    parts = [[folder / n for n in names[k::workers]] for k in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(decode, [part[:10] for part in parts]))
        started = time.perf_counter()
        list(pool.map(decode, parts))
        return time.perf_counter() - started


def built(cache: Path, folder: Path, names: list[str], workers: int) -> float:
    """Seconds to build the store, from nothing."""
    shutil.rmtree(cache, ignore_errors=True)
    started = time.perf_counter()
    store.open_or_build(cache, folder, names, workers=workers)
    return time.perf_counter() - started


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
    parser.add_argument("--repeats", type=int, default=5)
    wanted = parser.parse_args()
    workers = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "images", Path(place) / "cache"
        folder.mkdir()
        names = photographs(folder, wanted.images)
        alone(folder, names, workers)  # files into the page cache, processes started
        seconds = [(alone(folder, names, workers), built(cache, folder, names, workers)) for _ in range(wanted.repeats)]
        pil, ours = ([wanted.images / s for s in column] for column in zip(*seconds, strict=True))
        result = {
            "machine": f"{platform.machine()}, {workers} cores, Pillow {PIL.__version__}",
            "images": wanted.images,
            "PIL alone, images/s": round(median(pil)),
            "store, images/s": round(median(ours)),
            "ratio, median of pairs": round(median(o / p for o, p in zip(ours, pil, strict=True)), 3),
            "ratios": [round(o / p, 3) for o, p in zip(ours, pil, strict=True)],
            "in an epoch": calls_in_an_epoch(cache, folder, names),
        }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
