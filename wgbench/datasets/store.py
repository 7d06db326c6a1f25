"""Images decoded once: RGB bytes at native resolution in one memory-mapped file.

The store's name follows from the files (names, sizes, times) and the decoder, so a changed source or decoder is another
store. Its manifest has the decoder's version and a hash of the pixels, `sources.txt` the SHA-256 of every file.
"""

import hashlib
import io
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from wgbench.datasets import flat
from wgbench.datasets.flat import Item
from wgbench.errors import BadData
from wgbench.types import Ragged

SCHEMA = 2
MAX_PIXELS = 64_000_000
SAMPLED = 20  # images that `verify` decodes again
AGAIN = "copy these files again from the archive"


def open_or_build(
    cache: Path, source: Path, names: Sequence[str], max_pixels: int = MAX_PIXELS, workers: int | None = None
) -> Ragged:
    """The images `source/name`, in order; decoded now if they are not in the cache.

    `workers` threads decode (as many as cores, at most 8, if left out); bytes and order do not depend on it. BadData
    names the images that cannot be used, before anything is trained on; StoreFailed a cache that cannot be written.
    """
    threads = workers or min(8, os.cpu_count() or 1)
    return built(
        cache / key(source, names),
        len(names),
        lambda: _decoded(source, names, max_pixels, threads),
        f"images in {source}",
        source,
    )


def built(
    folder: Path, n: int, images: Callable[[], Iterator[Item | str]], asked: str, source: Path | None = None
) -> Ragged:
    """The store in `folder`, made now from `n` images if it is not there; a string stands for a bad image."""
    manifest = {"schema": SCHEMA, "decoder": f"pillow {PIL.__version__}", "source": str(source) if source else None}
    plan = flat.Plan(n, np.uint8, asked, "image", "decoding", images, manifest, AGAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels is our own limit
        found = flat.open_or_build(folder, plan)
    return Ragged(found.data, found.offset, found.shape[:, 0], found.shape[:, 1], store=folder)


def key(source: Path, names: Sequence[str]) -> str:
    """What a store is made from, as 32 hexadecimal digits: decoder, names, sizes and times of the files."""
    seen = hashlib.sha256(f"{SCHEMA} pillow {PIL.__version__}".encode())
    for name in names:
        status = (source / name).stat()
        seen.update(f"\n{name} {status.st_size} {status.st_mtime_ns}".encode())
    return seen.hexdigest()[:32]


def verify(images: Ragged) -> None:
    """Hash the stored pixels and the files behind them, and decode some again; BadData says what differs."""
    folder = images.store
    if folder is None:
        return
    manifest = flat.read_manifest(folder)
    asked = f"decoded images in {folder}"
    if flat.digest(folder) != manifest["sha256"]:
        raise BadData(asked, "their bytes are not those that were decoded", "delete the folder: it is built again")
    if manifest["source"] is None:
        return
    source = Path(manifest["source"])
    lines = (folder / flat.SOURCES).read_text(encoding="utf-8").splitlines()
    listed = [(line[:64], line[66:]) for line in lines]
    changed = [name for was, name in listed if hashlib.sha256((source / name).read_bytes()).hexdigest() != was]
    if changed:
        wrong = f"{len(changed)} files have changed since (first: {changed[0]})"
        raise BadData(f"images in {source}", wrong, "copy them again from where they came from")
    whole = built(folder, len(listed), lambda: iter(()), asked, source)
    for i in range(0, len(listed), max(1, len(listed) // SAMPLED)):
        again = decode((source / listed[i][1]).read_bytes(), listed[i][1])
        if isinstance(again, str) or not np.array_equal(again.array, whole[i].numpy()):
            raise BadData(asked, f"{listed[i][1]} decodes to other pixels now", "delete the folder: it is built again")


def decode(content: bytes, name: str, max_pixels: int = MAX_PIXELS) -> Item | str:
    """Pixels (H, W, 3) of an encoded image, or its name with what is wrong with it."""
    try:
        image = Image.open(io.BytesIO(content))
        if image.width * image.height > max_pixels:
            return f"{name} ({image.width} x {image.height}: above {max_pixels} pixels)"
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB")))
    except Exception as problem:  # decoders raise whatever they stumble on: OSError, SyntaxError, struct.error ...
        return f"{name} ({type(problem).__name__ if content else 'empty'})"
    return Item(pixels, pixels.shape[:2], f"{hashlib.sha256(content).hexdigest()}  {name}")


def _decoded(source: Path, names: Sequence[str], max_pixels: int, workers: int) -> Iterator[Item | str]:
    """What `decode` makes of each file, in order, whichever thread is first."""
    with ThreadPoolExecutor(workers) as pool:  # the decoders and the hash release the GIL
        ahead: deque[Future[Item | str]] = deque()
        for name in names:
            ahead.append(pool.submit(_decode, source, name, max_pixels))
            if len(ahead) > 2 * workers:  # so few are in memory at once
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _decode(source: Path, name: str, max_pixels: int) -> Item | str:
    try:
        content = (source / name).read_bytes()
    except OSError as problem:
        return f"{name} ({type(problem).__name__})"
    return decode(content, name, max_pixels)
