"""Images decoded once: RGB bytes at native resolution in one memory-mapped file.

The store's name follows from the files (names, sizes, times) and the decoder, so a changed source or decoder is another
store, which takes the place of the older one. Its manifest has the decoders' versions and a hash of the pixels,
`sources.txt` the SHA-256 of every file.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from wgbench.datasets import decoders, decoding, flat
from wgbench.datasets.decoding import Decoded
from wgbench.datasets.flat import Item
from wgbench.errors import BadData
from wgbench.types import Ragged

SCHEMA = 2
MAX_PIXELS = 64_000_000
ALONE = 256  # images for which no processes are started
SAMPLED = 20  # images that `verify` decodes again
AGAIN = "copy these files again from the archive"


def open_or_build(
    cache: Path, source: Path, names: Sequence[str], max_pixels: int = MAX_PIXELS, workers: int | None = None
) -> Ragged:
    """The images `source/name`, in order; decoded now if they are not in the cache.

    `workers` processes decode (as many as cores, at most 8, if left out); bytes and order do not depend on it. BadData
    names the images that cannot be used, before anything is trained on; StoreFailed a cache that cannot be written.
    """
    n = workers or min(8, os.cpu_count() or 1)
    return built(
        cache / key(source, names),
        len(names),
        lambda target: _decoded(source, names, max_pixels, n, target),
        f"images in {source}",
        {"source": str(source.resolve()), "names": hashlib.sha256("\n".join(names).encode()).hexdigest()},
        decoding.versions(),
    )


def built(
    folder: Path,
    n: int,
    images: Callable[[Path], Iterator[Item | str]],
    asked: str,
    source: Mapping[str, str] | None = None,
    decoder: str = f"pillow {PIL.__version__}",
) -> Ragged:
    """The store in `folder`, made now from `n` images if it is not there; a string stands for a bad image.

    `source` says which files these are: an older store of the same ones is removed when the new one is whole.
    """
    manifest = {"schema": SCHEMA, "decoder": decoder, "source": None, **(source or {})}
    plan = flat.Plan(n, np.uint8, asked, "image", "decoding", images, manifest, AGAIN, tuple(source or ()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels is our own limit
        found = flat.open_or_build(folder, plan)
    return Ragged(found.data, found.offset[:-1], found.shape[:, 0], found.shape[:, 1], store=folder)


def key(source: Path, names: Sequence[str]) -> str:
    """What a store is made from, as 32 hexadecimal digits: decoder, names, sizes and times of the files."""
    seen = hashlib.sha256(f"{SCHEMA} {decoding.versions()}".encode())
    for name in names:
        status = (source / name).stat()
        seen.update(f"\n{name} {status.st_size} {status.st_mtime_ns}".encode())
    return seen.hexdigest()[:32]


def verify(images: Ragged) -> None:
    """Hash the stored pixels and the files behind them, and let Pillow decode some again; BadData says what differs."""
    folder = images.store
    if folder is None:
        return
    manifest = flat.read_manifest(folder)
    asked = f"decoded images in {folder}"
    lines = (folder / flat.SOURCES).read_text(encoding="utf-8").splitlines()
    whole = flat.open_store(folder, np.uint8)
    if flat.digest(whole) != manifest["checksum"]:
        raise BadData(asked, "their bytes are not those that were decoded", "delete the folder: it is built again")
    if manifest["source"] is None:
        return
    source = Path(manifest["source"])
    listed = [(line[:64], line[66:]) for line in lines]
    if not source.is_dir():  # moved with its times: the store is still found
        raise BadData(f"images in {source}", "the folder is gone", f"delete {folder}: it is built again from yours")
    changed = [name for was, name in listed if _sha256(source / name) != was]
    if changed:
        wrong = f"{len(changed)} files have changed or gone since (first: {changed[0]})"
        raise BadData(f"images in {source}", wrong, "copy them again from where they came from")
    for i in range(0, len(listed), max(1, len(listed) // SAMPLED)):
        again = decoding.read(source / listed[i][1], listed[i][1], MAX_PIXELS, quick=False)
        if isinstance(again, str) or not np.array_equal(again.pixels.reshape(-1), whole.array(i)):
            raise BadData(asked, f"{listed[i][1]} decodes to other pixels now", "delete the folder: it is built again")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "gone"


def _decoded(source: Path, names: Sequence[str], max_pixels: int, workers: int, target: Path) -> Iterator[Item | str]:
    """Every file as an item, in order: decoded here if there are few, else in processes that fill the target."""
    if len(names) < ALONE or workers == 1:
        for name in names:
            made = decoding.read(source / name, name, max_pixels)
            yield made if isinstance(made, str) else _item(made, name)
        return
    for name, placed in zip(names, decoders.in_processes(source, names, max_pixels, target, workers), strict=True):
        if isinstance(placed, str):
            yield placed
        else:
            shape = (placed.height, placed.width)
            yield Item(3 * placed.height * placed.width, shape, placed.checksum, f"{placed.source}  {name}")


def _item(made: Decoded, name: str) -> Item:
    return Item(np.ascontiguousarray(made.pixels), made.pixels.shape[:2], made.checksum, f"{made.source}  {name}")
