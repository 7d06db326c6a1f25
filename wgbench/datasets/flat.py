"""Many arrays in one memory-mapped file, made once: decoded images, evaluation views, token ids.

A store is a folder named by what it was made from, so a changed source is another store. It is built beside and
renamed: a build that was killed is built again, never half-used; of two builders at once the second waits.
"""

import contextlib
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from wgbench.datasets.decoding import checksum
from wgbench.disk import CACHE, writing
from wgbench.errors import BadData

ARRAYS, INDEX, MANIFEST, SOURCES = "arrays.bin", "index.npy", "manifest.json", "sources.txt"
SHOWN = 10  # bad items named in a message


class Item(NamedTuple):
    """One array, its checksum, what its shape follows from, and the SHA-256 of the file that it was made from."""

    array: NDArray[Any] | int  # contiguous; or its number of elements, where it is in the file already
    shape: tuple[int, ...]
    checksum: bytes
    source: str = ""  # "<sha256>  <name>", a line that sha256sum understands


def item(array: NDArray[Any], shape: tuple[int, ...], source: str = "") -> Item:
    """An item with its checksum, made by whoever made the array: in parallel."""
    return Item(array, shape, checksum(array), source)


@dataclass(frozen=True)
class Plan:
    """What goes into a store: how many arrays of which type, what they are called, and how they are made."""

    n: int
    dtype: type[np.generic]
    asked: str  # for messages: "images in /data/birds"
    unit: str  # "image"
    doing: str  # "decoding"
    items: Callable[[Path], Iterator[Item | str]]  # gets the file of arrays; a string stands for a bad item
    manifest: Mapping[str, Any]
    remedy: str
    supersedes: tuple[str, ...] = ()  # a store beside with the same values of these, in its manifest, is out of date


@dataclass(frozen=True)
class Flat:
    """An open store: a flat buffer, and per array where it lies and its shape."""

    folder: Path
    data: Tensor  # memory-mapped, read-only by custom
    offset: Tensor  # (N + 1,) int64, where each array starts, and the end of the last
    shape: Tensor  # (N, K) int64

    def array(self, i: int) -> NDArray[Any]:
        """Array `i`, flat, a view."""
        return np.asarray(self.data[self.offset[i] : self.offset[i + 1]].numpy())


def open_or_build(folder: Path, plan: Plan) -> Flat:
    """The store in `folder`, made now if it is not there. BadData names bad items, StoreFailed a disk that is full."""
    if not _is_whole(folder, plan):
        with writing(folder, CACHE):
            folder.parent.mkdir(parents=True, exist_ok=True)
        with writing(folder, CACHE), FileLock(f"{folder}.lock"):
            if not _is_whole(folder, plan):
                _build(folder, plan)
    return open_store(folder, plan.dtype)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What was written down when the store was built."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def digest(found: Flat) -> str:
    """SHA-256 of the checksums of all arrays, as the manifest has it unless bytes were lost."""
    seen = hashlib.sha256()
    for i in range(len(found.shape)):
        seen.update(checksum(found.array(i)))
    return seen.hexdigest()


def _is_whole(folder: Path, plan: Plan) -> bool:
    """Whether a store is there with all its bytes: a machine that crashed may have lost some after the renaming."""
    try:
        index = np.load(folder / INDEX, allow_pickle=False)
        size = int(index[:, 0].sum()) * np.dtype(plan.dtype).itemsize
        whole = len(index) == plan.n and (folder / ARRAYS).stat().st_size == size
    except (OSError, ValueError, EOFError, IndexError):
        return False
    return whole and (folder / MANIFEST).is_file()


def open_store(folder: Path, dtype: type[np.generic]) -> Flat:
    """A store that is there."""
    index = np.load(folder / INDEX, allow_pickle=False)  # (N, 1 + K): elements, shape
    sizes = index[:, 0]
    arrays = np.memmap(folder / ARRAYS, dtype, "r") if sizes.sum() else np.zeros(0, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch has no read-only tensors; nothing writes to this one
        data = torch.from_numpy(arrays)
    offset = torch.from_numpy(np.concatenate([[0], sizes.cumsum()]).astype(np.int64))
    return Flat(folder, data, offset, torch.from_numpy(index[:, 1:].copy()))


def _build(folder: Path, plan: Plan) -> None:
    for left in folder.parent.glob(f".{folder.name}.*"):  # of a build that was killed: the lock is ours now
        shutil.rmtree(left, ignore_errors=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        with writing(folder, CACHE):
            beside.mkdir(parents=True)
            bad = _write(beside, plan)
            if not bad:
                shutil.rmtree(folder, ignore_errors=True)  # a damaged one
                os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if bad:
        raise BadData(plan.asked, _told(folder, plan, bad), plan.remedy)
    _tidy(folder, plan)


def _tidy(folder: Path, plan: Plan) -> None:
    """Remove stores beside a new one that it supersedes, or that were made from a store that is gone."""
    for other in folder.parent.iterdir():
        if other == folder or other.name.startswith(".") or not (other / MANIFEST).is_file():
            continue
        with contextlib.suppress(OSError, ValueError):  # somebody else removed it, or has it open where that forbids it
            manifest = read_manifest(other)
            superseded = bool(plan.supersedes) and all(manifest.get(k) == plan.manifest[k] for k in plan.supersedes)
            if superseded or not Path(manifest.get("made_from") or folder).is_dir():
                gone = other.with_name(f".{other.name}.gone")
                os.replace(other, gone)  # whole or not at all, to whoever comes meanwhile
                shutil.rmtree(gone)


def _told(folder: Path, plan: Plan, bad: list[str]) -> str:
    """Which items are bad: the first ones by name, all of them in a file where there are many."""
    told = f"{len(bad)} of {plan.n} {plan.unit}s cannot be used: {', '.join(bad[:SHOWN])}"
    if len(bad) <= SHOWN:
        return told
    listed = folder.with_name(f"{folder.name}.bad.txt")
    with writing(listed, CACHE):
        listed.write_text("".join(f"{name}\n" for name in bad), encoding="utf-8")
    return f"{told} and {len(bad) - SHOWN} more, all in {listed}"


def _write(folder: Path, plan: Plan) -> list[str]:
    """Write all arrays, their index and the manifest; the names of bad items, with which nothing is complete."""
    from tqdm import tqdm

    seen, rows, bad, sources = hashlib.sha256(), [], [], []
    (folder / ARRAYS).touch()
    with (folder / ARRAYS).open("r+b") as file:
        for made in tqdm(plan.items(folder / ARRAYS), plan.doing, plan.n, unit=plan.unit, disable=None):
            if isinstance(made, str):
                bad.append(made)
                continue
            size = made.array if isinstance(made.array, int) else made.array.size
            rows.append((size, *made.shape))
            sources.append(made.source)
            seen.update(made.checksum)
            if not isinstance(made.array, int):
                file.write(made.array.data)
    if bad:
        return bad
    np.save(folder / INDEX, np.array(rows, dtype=np.int64).reshape(plan.n, -1))
    listed = "".join(f"{line}\n" for line in sources if line)
    (folder / SOURCES).write_text(listed, encoding="utf-8")
    manifest = {
        **plan.manifest,
        f"{plan.unit}s": plan.n,
        "checksum": seen.hexdigest(),
        "sources": hashlib.sha256(listed.encode()).hexdigest(),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return []
