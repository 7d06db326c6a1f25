"""Images decoded once: RGB bytes at native resolution in one memory-mapped file.

A store is a folder named by what it was made from (files, their sizes and times, the decoder), so a changed source or
decoder is another store. It is built beside and renamed: a build that was killed is built again, never half-used.
"""

import hashlib
import json
import os
import shutil
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import torch
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from wgbench.disk import CACHE, writing
from wgbench.errors import BadData
from wgbench.types import Ragged

SCHEMA = 1
MAX_PIXELS = 64_000_000
SHOWN = 10  # bad files named in a message
PIXELS, SHAPES, MANIFEST = "pixels.u8", "shapes.npy", "manifest.json"


def open_or_build(
    cache: Path, source: Path, names: Sequence[str], max_pixels: int = MAX_PIXELS, workers: int | None = None
) -> Ragged:
    """The images `source/name`, in order; decoded now if they are not in the cache.

    `workers` threads decode (as many as cores, at most 8, if left out); bytes and order do not depend on it. BadData
    names the images that cannot be used, before anything is trained on; StoreFailed a cache that cannot be written.
    """
    threads = workers or min(8, os.cpu_count() or 1)
    decoded = lambda: _decoded(source, names, max_pixels, threads)  # noqa: E731
    return built(cache / key(source, names), len(names), decoded, f"images in {source}")


def built(folder: Path, n: int, images: Callable[[], Iterator[NDArray[np.uint8] | str]], asked: str) -> Ragged:
    """The store in `folder`, made now from `n` images (H, W, 3) if it is not there; a string stands for a bad image."""
    if not _is_whole(folder, n):
        with writing(folder, CACHE):
            folder.parent.mkdir(parents=True, exist_ok=True)
        with writing(folder, CACHE), FileLock(f"{folder}.lock"):
            if not _is_whole(folder, n):
                _build(folder, n, images(), asked)
    return _open(folder)


def key(source: Path, names: Sequence[str]) -> str:
    """What a store is made from, as 32 hexadecimal digits: decoder, names, sizes and times of the files."""
    seen = hashlib.sha256(f"{SCHEMA} pillow {PIL.__version__}".encode())
    for name in names:
        status = (source / name).stat()
        seen.update(f"\n{name} {status.st_size} {status.st_mtime_ns}".encode())
    return seen.hexdigest()[:32]


def _is_whole(folder: Path, n: int) -> bool:
    """Whether a store is there with all its bytes: a machine that crashed may have lost some after the renaming."""
    try:
        shapes = np.load(folder / SHAPES, allow_pickle=False)
        whole = len(shapes) == n and (folder / PIXELS).stat().st_size == shapes.prod(1).sum() * 3
    except (OSError, ValueError, EOFError):
        return False
    return bool(whole) and (folder / MANIFEST).is_file()


def _open(folder: Path) -> Ragged:
    shapes = np.load(folder / SHAPES, allow_pickle=False)  # (N, 2) height, width
    sizes = shapes.prod(1) * 3
    pixels = np.memmap(folder / PIXELS, np.uint8, "r") if sizes.sum() else np.zeros(0, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch has no read-only tensors; nothing writes to this one
        data = torch.from_numpy(pixels)
    offset = np.concatenate([[0], sizes.cumsum()[:-1]])
    height, width = (torch.from_numpy(shapes[:, i].copy()) for i in (0, 1))
    return Ragged(data, torch.from_numpy(offset), height, width)


def _build(folder: Path, n: int, images: Iterator[NDArray[np.uint8] | str], asked: str) -> None:
    for left in folder.parent.glob(f".{folder.name}.*"):  # of a build that was killed: the lock is ours now
        shutil.rmtree(left, ignore_errors=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    from tqdm import tqdm

    seen, shapes, bad = hashlib.sha256(), np.zeros((n, 2), np.int64), []
    try:
        with writing(folder, CACHE):
            beside.mkdir(parents=True)
            with (beside / PIXELS).open("wb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels is our own limit
                for i, image in enumerate(tqdm(images, "decoding", n, unit="image", disable=None)):
                    if isinstance(image, str):
                        bad.append(image)
                    else:
                        shapes[i] = image.shape[:2]
                        seen.update(image.data)
                        file.write(image.data)
            if not bad:
                np.save(beside / SHAPES, shapes)
                manifest = {
                    "schema": SCHEMA,
                    "pillow": PIL.__version__,
                    "images": n,
                    "sha256": seen.hexdigest(),
                }
                (beside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
                shutil.rmtree(folder, ignore_errors=True)  # a damaged one
                os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if bad:
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        wrong = f"{len(bad)} of {n} images cannot be used: {', '.join(bad[:SHOWN])}{more}"
        raise BadData(asked, wrong, "copy these files again from the archive")


def _decoded(source: Path, names: Sequence[str], max_pixels: int, workers: int) -> Iterator[NDArray[np.uint8] | str]:
    """What `_decode` makes of each image, in order, whichever thread is first."""
    with ThreadPoolExecutor(workers) as pool:  # the decoders release the GIL
        ahead: deque[Future[NDArray[np.uint8] | str]] = deque()
        for name in names:
            ahead.append(pool.submit(_decode, source, name, max_pixels))
            if len(ahead) > 2 * workers:  # so few are in memory at once
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _decode(source: Path, name: str, max_pixels: int) -> NDArray[np.uint8] | str:
    """Pixels (H, W, 3) of an image, or its name with what is wrong with it."""
    try:
        with Image.open(source / name) as image:
            if image.width * image.height > max_pixels:
                return f"{name} ({image.width} x {image.height}: above {max_pixels} pixels)"
            return np.ascontiguousarray(np.asarray(image.convert("RGB")))
    except Exception as problem:  # decoders raise whatever they stumble on: OSError, SyntaxError, struct.error ...
        empty = (source / name).is_file() and (source / name).stat().st_size == 0
        return f"{name} ({'empty' if empty else type(problem).__name__})"
