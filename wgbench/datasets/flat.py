"""Many arrays in one memory-mapped file, made once: decoded images, evaluation views, token ids.

A store is a folder named by what it was made from, so a changed source is another store. It is built beside and
renamed: a build that was killed is built again, never half-used; of two builders at once the second waits.
"""

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

from wgbench.disk import CACHE, writing
from wgbench.errors import BadData

ARRAYS, INDEX, MANIFEST, SOURCES = "arrays.bin", "index.npy", "manifest.json", "sources.txt"
SHOWN = 10  # bad items named in a message


class Item(NamedTuple):
    """One array, what its shape follows from, and the SHA-256 of the file that it was made from (with its name)."""

    array: NDArray[Any]  # contiguous
    shape: tuple[int, ...]
    source: str = ""  # "<sha256>  <name>", a line that sha256sum understands


@dataclass(frozen=True)
class Plan:
    """What goes into a store: how many arrays of which type, what they are called, and how they are made."""

    n: int
    dtype: type[np.generic]
    asked: str  # for messages: "images in /data/birds"
    unit: str  # "image"
    doing: str  # "decoding"
    items: Callable[[], Iterator[Item | str]]  # a string stands for a bad item, and names it
    manifest: Mapping[str, Any]
    remedy: str


@dataclass(frozen=True)
class Flat:
    """An open store: a flat buffer, and per array its first element and its shape."""

    folder: Path
    data: Tensor  # memory-mapped, read-only by custom
    offset: Tensor  # (N,) int64
    shape: Tensor  # (N, K) int64


def open_or_build(folder: Path, plan: Plan) -> Flat:
    """The store in `folder`, made now if it is not there. BadData names bad items, StoreFailed a disk that is full."""
    if not _is_whole(folder, plan):
        with writing(folder, CACHE):
            folder.parent.mkdir(parents=True, exist_ok=True)
        with writing(folder, CACHE), FileLock(f"{folder}.lock"):
            if not _is_whole(folder, plan):
                _build(folder, plan)
    return _open(folder, plan.dtype)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What was written down when the store was built."""
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return found


def digest(folder: Path) -> str:
    """SHA-256 of all arrays, as the manifest has it unless bytes were lost."""
    with (folder / ARRAYS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(folder: Path, plan: Plan) -> bool:
    """Whether a store is there with all its bytes: a machine that crashed may have lost some after the renaming."""
    try:
        index = np.load(folder / INDEX, allow_pickle=False)
        size = int(index[:, 0].sum()) * np.dtype(plan.dtype).itemsize
        whole = len(index) == plan.n and (folder / ARRAYS).stat().st_size == size
    except (OSError, ValueError, EOFError, IndexError):
        return False
    return whole and (folder / MANIFEST).is_file()


def _open(folder: Path, dtype: type[np.generic]) -> Flat:
    index = np.load(folder / INDEX, allow_pickle=False)  # (N, 1 + K): elements, shape
    sizes = index[:, 0]
    arrays = np.memmap(folder / ARRAYS, dtype, "r") if sizes.sum() else np.zeros(0, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch has no read-only tensors; nothing writes to this one
        data = torch.from_numpy(arrays)
    offset = torch.from_numpy(np.concatenate([[0], sizes.cumsum()])[:-1].astype(np.int64))
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
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        wrong = f"{len(bad)} of {plan.n} {plan.unit}s cannot be used: {', '.join(bad[:SHOWN])}{more}"
        raise BadData(plan.asked, wrong, plan.remedy)


def _write(folder: Path, plan: Plan) -> list[str]:
    """Write all arrays, their index and the manifest; the names of bad items, with which nothing is complete."""
    from tqdm import tqdm

    seen, rows, bad, sources = hashlib.sha256(), [], [], []
    with (folder / ARRAYS).open("wb") as file:
        for item in tqdm(plan.items(), plan.doing, plan.n, unit=plan.unit, disable=None):
            if isinstance(item, str):
                bad.append(item)
                continue
            rows.append((item.array.size, *item.shape))
            sources.append(item.source)
            seen.update(item.array.data)
            file.write(item.array.data)
    if bad:
        return bad
    np.save(folder / INDEX, np.array(rows, dtype=np.int64).reshape(plan.n, -1))
    listed = "".join(f"{line}\n" for line in sources if line)
    (folder / SOURCES).write_text(listed, encoding="utf-8")
    manifest = {
        **plan.manifest,
        f"{plan.unit}s": plan.n,
        "sha256": seen.hexdigest(),
        "sources": hashlib.sha256(listed.encode()).hexdigest(),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return []
