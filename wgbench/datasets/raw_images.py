"""MNIST and CIFAR-10 as arrays: from the hub, or from the user's parquet, idx or folder-of-images files, read once.

Sources list the images in orders of their own. Here they are in the order of the SHA-256 of their pixels: what is drawn
from them does not depend on where they came from.
"""

import gzip
import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from wgbench import hub
from wgbench.datasets import files
from wgbench.disk import CACHE, write_whole, writing
from wgbench.errors import BadData, DownloadFailed
from wgbench.types import Root

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]  # images (N, H, W) or (N, H, W, 3), labels (N,)
HUB = {"mnist": "ylecun/mnist", "cifar10": "uoft-cs/cifar10"}
SIZES = {"mnist": {"train": 60000, "test": 10000}, "cifar10": {"train": 50000, "test": 10000}}
SHA256 = {  # of `digest`; CIFAR-10 circulates as JPEG, too, so its pixels are not asserted
    "mnist train": "64b313280230cf530bb0e5b91aa25c72085eb4819b4dbd912833bf99382be8ba",
    "mnist test": "5a42663cd77b150b41771ffe2e156e12484cb8d1de485f0655019c0c000ce981",
}
IDX = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")}
IDX["test"] = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def prepare(name: str, root: Root) -> None:
    """Decode both parts into the cache; the second time they are there."""
    for part in ("train", "test"):
        load(name, part, root)


def load(name: str, part: str, root: Root) -> Arrays:
    """All images and labels of `train` or `test`, in the source's order; BadData for a wrong number of them."""
    source = _source(name, part, root)
    folder = root.cache / name
    path = folder / f"{part}-{_key(source)}.npz"
    if not path.is_file():
        with writing(path, CACHE):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if not path.is_file():
                _save(path, _read(name, part, source))
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]


def _save(path: Path, arrays: Arrays) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, images=arrays[0], labels=arrays[1])
    with writing(path, CACHE):
        write_whole(path, buffer.getvalue())


def _source(name: str, part: str, root: Root) -> list[Path]:
    """The user's files of a part: one parquet file, two idx files, or the images of a folder; empty for the hub."""
    if root.data is None:
        return []
    for place in (root.data / name, root.data):
        parquet = [place / f"{part}.parquet", *sorted(place.glob(f"{part}-*.parquet"))]
        found = [p for p in parquet if p.is_file()]
        if found:
            return found
        if name == "mnist":
            for suffix in ("", ".gz"):
                pair = [place / f"{stem}{suffix}" for stem in IDX[part]]
                if all(p.is_file() for p in pair):
                    return pair
        images = sorted(p for p in (place / part).glob("*/*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
        if images:
            return images
    wrong = f"neither {part}.parquet, nor {IDX[part][0]}, nor {part}/<label>/*.png in it or in {name}/"
    remedy = f"get it from huggingface.co/datasets/{HUB[name]}, or leave --data-dir out to download it"
    raise files.lacking(f"{name} in {root.data}", root.data, wrong, remedy)


def _key(source: Sequence[Path]) -> str:
    seen = hashlib.sha256(b"2")
    for path in source:
        status = path.stat()
        seen.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return seen.hexdigest()[:16]


def _read(name: str, part: str, source: Sequence[Path]) -> Arrays:
    if not source:
        arrays = _from_hub(name, part)
    elif source[0].suffix == ".parquet":
        arrays = _from_rows(_parquet_rows(source), name)
    elif "ubyte" in source[0].name:
        arrays = _idx(source[0]), _idx(source[1]).astype(np.int64)
    else:
        rows = ((path.read_bytes(), path.parent.name) for path in source)
        arrays = _from_rows(((content, int(label)) for content, label in rows), name)
    if len(arrays[0]) != SIZES[name][part] or len(arrays[1]) != len(arrays[0]):
        wrong = f"{len(arrays[0])} images instead of {SIZES[name][part]}"
        raise BadData(f"{name} {part}", wrong, "give the complete files")
    return _checked(name, part, _in_order(*arrays))


def _in_order(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Arrays:
    order = sorted(range(len(images)), key=lambda i: (hashlib.sha256(images[i].tobytes()).digest(), labels[i]))
    return images[order], labels[order]


def _checked(name: str, part: str, arrays: Arrays) -> Arrays:
    """The arrays, if they are the published ones, where it is known which these are."""
    expected = SHA256.get(f"{name} {part}")
    if expected is not None and digest(arrays) != expected:
        wrong = "its pixels or labels are not the published ones"
        raise BadData(f"{name} {part}", wrong, f"get those of huggingface.co/datasets/{HUB[name]}: copies may be lossy")
    return arrays


def digest(arrays: Arrays) -> str:
    """SHA-256 of pixels and labels, in our order."""
    return hashlib.sha256(arrays[0].tobytes() + arrays[1].astype("<i8").tobytes()).hexdigest()


def fingerprint(names: Sequence[str], root: Root) -> str:
    """Hash of all pixels and labels of some sources."""
    parts = [digest(load(name, part, root)) for name in names for part in ("train", "test")]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _parquet_rows(paths: Sequence[Path]) -> Iterator[tuple[bytes, int]]:
    """Encoded image and label of every row, in the hub's layout: a struct column with `bytes`, and `label`."""
    from pyarrow import ArrowException, parquet

    for path in paths:
        try:
            table = parquet.read_table(path)
        except (ArrowException, OSError) as problem:
            raise BadData(f"{path}", f"no parquet file ({problem})", "get it again") from None
        image = next((c for c in ("image", "img") if c in table.column_names), None)
        if image is None or "label" not in table.column_names:
            raise BadData(f"{path}", f"its columns are {', '.join(table.column_names)}", "it must have image and label")
        for value, label in zip(table[image].to_pylist(), table["label"].to_pylist(), strict=True):
            yield value["bytes"], label


def _from_rows(rows: Iterator[tuple[bytes, int]], name: str) -> Arrays:
    mode, images, labels = "L" if name == "mnist" else "RGB", [], []
    for i, (content, label) in enumerate(rows):
        try:
            images.append(np.asarray(Image.open(io.BytesIO(content)).convert(mode)))
        except (OSError, SyntaxError, ValueError) as problem:
            raise BadData(
                f"{name}, image {i}", f"unreadable ({type(problem).__name__})", "get the file again"
            ) from None
        labels.append(label)
    return np.stack(images) if images else np.zeros((0, 28, 28), np.uint8), np.array(labels, dtype=np.int64)


def _idx(path: Path) -> NDArray[np.uint8]:
    """An idx file of unsigned bytes (Y. LeCun's format), gzipped or not."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as problem:
        raise BadData(f"{path}", f"damaged ({problem})", "get it again") from None
    dims = content[3] if content[:3] == b"\0\0\x08" else 0
    shape = tuple(np.frombuffer(content, ">u4", dims, 4).astype(int))
    if not dims or len(content) != 4 + 4 * dims + int(np.prod(shape)):
        raise BadData(f"{path}", "no idx file of bytes, or cut short", "get it again")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dims).reshape(shape)


def _from_hub(name: str, part: str) -> Arrays:
    import datasets

    try:
        with hub.asking():
            rows = datasets.load_dataset(HUB[name], split=part)
    except Exception as problem:  # the hub's client, the network and the disk each raise errors of their own
        remedy = f"get the parquet files of huggingface.co/datasets/{HUB[name]} by hand and give --data-dir"
        raise DownloadFailed(f"downloading {HUB[name]}", f"{type(problem).__name__}", remedy) from problem
    image = "image" if "image" in rows.column_names else "img"
    mode = "L" if name == "mnist" else "RGB"
    images = np.stack([np.asarray(i.convert(mode)) for i in rows[image]])
    return images, np.array(rows["label"], dtype=np.int64)
