"""celeba: blond hair, against male. Faces of celebrities, in the official files or in the CSV form.

Sagawa et al., "Distributionally robust neural networks for group shifts" (ICLR 2020); the paper's views and recipe.
Official: `img_align_celeba.zip`, extracted or not, `list_attr_celeba.txt`, `list_eval_partition.txt`. CSV form: the
same lists as `.csv` with a header. Group = 2 x blond + male; the paper's released code numbers groups in another way.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import ClassVar

import torch

from wgbench.config import Recipe, Views
from wgbench.datasets import download, files, metadata, store
from wgbench.datasets import rows as rows_of
from wgbench.datasets.base import Dataset, SplitName, alternating, crossed
from wgbench.datasets.metadata import Row
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Ragged, Root, Split

IMAGES, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba", "list_eval_partition"
LABEL, ATTRIBUTE = "Blond_Hair", "Male"
PLACES, INSIDE = (".", "celeba", "CelebA"), (".", "Anno", "Eval", "Img")  # as people, and the publisher, keep them
AGAIN = "get the list again"
HELP = "get the aligned images and both lists from mmlab.ie.cuhk.edu.hk/projects/CelebA.html, and give --data-dir"


@dataclass(frozen=True)
class CelebA(Dataset):
    """202,599 photographs of 178 x 218 pixels; label = blond hair, attribute = male.

    `subset` declares that the folder holds a part of the data: group counts are not compared then, everything else is.
    """

    subset: bool = False

    version: ClassVar[int] = 1
    classes: ClassVar[tuple[str, ...]] = ("not-blond", "blond")
    group_names: ClassVar[tuple[str, ...]] = ("not-blond-female", "not-blond-male", "blond-female", "blond-male")
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "train": (71629, 66874, 22880, 1387),
        "val": (8535, 8276, 2874, 182),
        "test": (9767, 7535, 2480, 180),
    }
    source: ClassVar[str] = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    citation: ClassVar[str] = "Z. Liu, P. Luo, X. Wang, X. Tang: Deep Learning Face Attributes in the Wild, ICCV 2015"
    licence: ClassVar[str] = "non-commercial research; the publisher's terms must be accepted by whoever downloads it"
    md5: ClassVar[Mapping[str, str]] = {
        f"{IMAGES}.zip": "00d2c5bc6d35e252742224ab0c1e8fcb",
        f"{ATTRIBUTES}.txt": "75e246fa4810816ffd6ee81facbd244c",
        f"{PARTITION}.txt": "d32c9cbf5e040fd4025c592c306e6668",
    }
    backbone: ClassVar[str] = "resnet18"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=250,
        batch_size=400,
        lr=1e-3,
        views=Views(size=224, scale=(0.7, 1.0), ratio=(1.0, 4 / 3), eval=(("crop", 178), ("resize", 224))),
    )
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.001, 0.01, 0.1)
    tuned: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "jtt": {"epochs": 1, "up": 50, "lr": 1e-5, "weight_decay": 0.1}  # Liu et al. 2021
    }

    def published(self, root: Root) -> Mapping[str, Path]:
        """Those of the three official files that are at hand."""
        found = {name: self._find(root, name) for name in self.md5}
        return {name: path for name, path in found.items() if path is not None and not self.subset}

    def prepare(self, root: Root) -> None:
        """Find the files, read the lists, decode the images; the publisher has no address for unattended downloads."""
        rows = self._rows(root)
        metadata.check_there(self._place(root), [r.name for r in rows], f"extract the whole {IMAGES}.zip")
        self._images(root, rows)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Images at native size, in the order of their names."""
        rows = self._rows(root)
        return metadata.split_of(rows, self._images(root, rows), split, "celeba", (("0", "1"), ("0", "1")))

    def sample(self, n: int, seed: int) -> Split:
        """Noise of the right size."""
        rng = torch.Generator().manual_seed(seed)
        x = torch.randint(0, 256, (n, 218, 178, 3), generator=rng, dtype=torch.uint8)
        return crossed(x, *alternating(n))

    def fingerprint(self, root: Root) -> str:
        """Hash of both labels, split and size of every image: the same for either form of the lists."""
        place, seen = self._place(root), hashlib.sha256()
        for row in self._rows(root):
            seen.update(f"{' '.join(map(str, row))} {(place / row.name).stat().st_size}\n".encode())
        return seen.hexdigest()[:16]

    def _find(self, root: Root, name: str) -> Path | None:
        """A file or folder of this name where people have it; MissingData where no folder was given."""
        if root.data is None:
            raise MissingData("celeba", "its publisher has no address to download from unattended", HELP)
        places = [root.data / place / inside / name for place in PLACES for inside in INSIDE]
        return next((path for path in places if path.exists()), None)

    def _lacking(self, root: Root, wrong: str) -> MissingData:
        return files.lacking(f"celeba in {root.data}", root.data or Path(), wrong, HELP)

    def _list(self, root: Root, name: str) -> Path:
        found = self._find(root, f"{name}.csv") or self._find(root, f"{name}.txt")
        if found is None:
            raise self._lacking(root, f"neither {name}.txt nor {name}.csv there nor in celeba/")
        return found

    def _rows(self, root: Root) -> list[Row]:
        """All images by name; the groups are counted, unless a subset is declared."""
        attributes, partition = self._list(root, ATTRIBUTES), self._list(root, PARTITION)
        rows = _read(attributes, partition, attributes.stat().st_mtime_ns, partition.stat().st_mtime_ns)
        if not self.subset:
            metadata.check_table(rows, self.counts, "celeba")
        return rows

    def _place(self, root: Root) -> Path:
        """The folder of images; a zip of them is extracted into the cache, once."""
        for found in (self._find(root, f"{IMAGES}/{IMAGES}"), self._find(root, IMAGES)):
            if found is not None:
                return found
        archive, extracted = self._find(root, f"{IMAGES}.zip"), root.cache / "celeba" / "data"
        if archive is None:
            wrong = f"neither a folder {IMAGES} nor {IMAGES}.zip there nor in celeba/"
            raise self._lacking(root, wrong)
        if not (extracted / IMAGES).is_dir():
            if not self.subset and download.digest(archive, "md5") != self.md5[archive.name]:
                raise BadData(f"{archive}", "its bytes are not those of the published archive", HELP)
            download.extract(archive, extracted)
        return extracted / IMAGES

    def _images(self, root: Root, rows: list[Row]) -> Ragged:
        return store.open_or_build(root.cache / "celeba" / "images", self._place(root), [r.name for r in rows])


@lru_cache(maxsize=2)
def _read(attributes: Path, partition: Path, *changed: int) -> list[Row]:  # noqa: ARG001 - a changed list is read again
    labels, codes = read_attributes(attributes), read_partition(partition)
    lacking = next((name for name in sorted(codes) if name not in labels), None)
    if lacking is not None:
        raise BadData(f"{attributes}", f"{lacking} has a split in {partition.name} and no attributes here", AGAIN)
    return [Row(name, str(labels[name][0]), str(labels[name][1]), codes[name]) for name in sorted(codes)]


def read_attributes(path: Path) -> dict[str, tuple[int, int]]:
    """(blond, male) by file name, 0 or 1, from either form of the list; BadData names the line that is wrong."""
    header, lines = _table(path)
    places = []
    for column in (LABEL, ATTRIBUTE):
        if column not in header:
            raise BadData(f"{path}", f"no column {column!r}", AGAIN)
        places.append(header.index(column))
    found = {}
    for number, fields in lines:
        values = [fields[p] for p in places] if len(fields) == len(header) else []
        if not values or any(v not in ("1", "-1", "0") for v in values):
            raise BadData(f"{path}, line {number}", "not a name and attributes of 1 or -1", AGAIN)
        found[_safe(fields[0], path, number)] = (int(values[0] == "1"), int(values[1] == "1"))
    return found


def read_partition(path: Path) -> dict[str, int]:
    """Split code by file name; BadData names the line that is wrong."""
    found = {}
    for number, fields in _table(path, n=2)[1]:
        if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
            raise BadData(f"{path}, line {number}", "not a name and a split of 0, 1 or 2", AGAIN)
        found[_safe(fields[0], path, number)] = int(fields[1])
    return found


def _table(path: Path, n: int | None = None) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Header and numbered records of a list, as CSV or as blank-separated text (attributes: count, header, lines)."""
    if path.suffix == ".csv":
        rows = rows_of.records(path, AGAIN)
        return next(rows, (1, []))[1], rows
    text = _lines(path)
    if n is not None:  # the partition has no header
        return [], ((i, line.split()) for i, line in enumerate(text, 1) if line.strip())
    header = ["image_id", *text[1].split()] if len(text) > 1 else []
    return header, ((i, line.split()) for i, line in enumerate(text[2:], 3) if line.strip())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as problem:
        raise BadData(f"{path}", f"it cannot be read ({problem.strerror})", AGAIN) from None


def _safe(name: str, path: Path, number: int) -> str:
    if PureWindowsPath(name).name != name or name in ("", ".", ".."):  # knows both kinds of slashes
        raise BadData(f"{path}, line {number}", f"{name!r} leads outside the folder", AGAIN)
    rows_of.check_text(f"{path}, line {number}", name, AGAIN)
    return name
