"""Images decoded once: RGB bytes at native resolution in one memory-mapped file.

A store is a folder named by what it was made from (files, their sizes and times, the decoder), so a changed source or
decoder is another store. It is built beside and renamed: a build that was killed is built again, never half-used.
"""

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
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


def open_or_build(cache: Path, source: Path, names: Sequence[str], max_pixels: int = MAX_PIXELS) -> Ragged:
    """The images `source/name`, in order; decoded now if they are not in the cache.

    BadData names every image that cannot be used, before anything is trained on.
    """
    folder = cache / key(source, names)
    with writing(folder, CACHE):
        cache.mkdir(parents=True, exist_ok=True)
    if not (folder / MANIFEST).is_file():
        with FileLock(f"{folder}.lock"):
            if not (folder / MANIFEST).is_file():
                _build(folder, source, names, max_pixels)
    return _open(folder)


def key(source: Path, names: Sequence[str]) -> str:
    """What a store is made from, as 32 hexadecimal digits: decoder, names, sizes and times of the files."""
    seen = hashlib.sha256(f"{SCHEMA} pillow {PIL.__version__}".encode())
    for name in names:
        status = (source / name).stat()
        seen.update(f"\n{name} {status.st_size} {status.st_mtime_ns}".encode())
    return seen.hexdigest()[:32]


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


def _build(folder: Path, source: Path, names: Sequence[str], max_pixels: int) -> None:
    for left in folder.parent.glob(f".{folder.name}.*"):  # of a build that was killed: the lock is ours now
        shutil.rmtree(left, ignore_errors=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    from tqdm import tqdm

    seen, shapes, bad = hashlib.sha256(), np.zeros((len(names), 2), np.int64), []
    try:
        with writing(folder, CACHE):
            beside.mkdir(parents=True)
            with (beside / PIXELS).open("wb") as file:
                decoded = tqdm(_decoded(source, names, max_pixels), "decoding", len(names), unit="image", disable=None)
                for i, image in enumerate(decoded):
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
                    "images": len(names),
                    "sha256": seen.hexdigest(),
                }
                (beside / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
                os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if bad:
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        wrong = f"{len(bad)} of {len(names)} images cannot be used: {', '.join(bad[:SHOWN])}{more}"
        raise BadData(f"images in {source}", wrong, "copy these files again from the archive")


def _decoded(source: Path, names: Sequence[str], max_pixels: int) -> Iterator[NDArray[np.uint8] | str]:
    """Pixels (H, W, 3) of each image, or its name with what is wrong with it."""
    for name in names:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels is our own limit
                image = Image.open(source / name)
            if image.width * image.height > max_pixels:
                yield f"{name} ({image.width} x {image.height}: above {max_pixels} pixels)"
                continue
            yield np.ascontiguousarray(np.asarray(image.convert("RGB")))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
            why = "empty" if (source / name).stat().st_size == 0 else type(problem).__name__
            yield f"{name} ({why})"
