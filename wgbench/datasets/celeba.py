"""celeba: blond hair, against male. Faces of celebrities, in the official files or in the CSV form.

Sagawa et al., "Distributionally robust neural networks for group shifts" (ICLR 2020); the paper's views and recipe.
Official: `img_align_celeba/` (its zip, extracted), `list_attr_celeba.txt`, `list_eval_partition.txt`. CSV form: the
same lists as `.csv` with a header. Group = 2 x blond + male; the paper's released code numbers groups in another way.
"""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import torch

from wgbench.config import Recipe, Views
from wgbench.datasets import files, store
from wgbench.datasets.base import SPLITS, Dataset, SplitName, check_counts, group_counts
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Ragged, Root, Split

IMAGES, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba", "list_eval_partition"
LABEL, ATTRIBUTE = "Blond_Hair", "Male"
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

    @property
    def pinned(self) -> bool:
        """A subset may be any."""
        return not self.subset

    def prepare(self, root: Root) -> None:
        """Find the files, read the lists, decode the images; the publisher has no address for unattended downloads."""
        for split in SPLITS:
            self._rows(root, split)
        self._images(root)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Images at native size, in the order of the list."""
        rows = self._rows(root, split)
        everyone = {name: i for i, name in enumerate(self._names(root))}
        chosen = torch.tensor([everyone[name] for name, _, _ in rows])
        label = torch.tensor([blond for _, blond, _ in rows])
        group = 2 * label + torch.tensor([male for _, _, male in rows])
        images = self._images(root)
        x = images.take(chosen)
        return Split(x, label, group, n_classes=2, n_groups=4)

    def sample(self, n: int, seed: int) -> Split:
        """Noise of the right size."""
        rng = torch.Generator().manual_seed(seed)
        x = torch.randint(0, 256, (n, 218, 178, 3), generator=rng, dtype=torch.uint8)
        label = torch.arange(n) % 2
        return Split(x, label, 2 * label + torch.arange(n) // 2 % 2, n_classes=2, n_groups=4)

    def fingerprint(self, root: Root) -> str:
        """Hash of both lists, and of the images' sizes."""
        folder, suffix = self._found(root)
        seen = hashlib.sha256()
        for name in (ATTRIBUTES, PARTITION):
            seen.update((folder / f"{name}{suffix}").read_bytes())
        for name in self._names(root):
            seen.update(f"{(folder / IMAGES / name).stat().st_size} ".encode())
        return seen.hexdigest()[:16]

    def _found(self, root: Root) -> tuple[Path, str]:
        """The folder, and whether its lists are `.txt` or `.csv`."""
        if root.data is None:
            raise MissingData("celeba", "its publisher has no address to download from unattended", HELP)
        for suffix in (".csv", ".txt"):
            for place in (root.data, root.data / "celeba", root.data / "CelebA"):
                if (place / f"{ATTRIBUTES}{suffix}").is_file():
                    return place, suffix
        files.find("celeba", root, f"{ATTRIBUTES}.txt", ("celeba",), HELP)
        raise MissingData(f"celeba in {root.data}", f"no {ATTRIBUTES}.csv either", HELP)

    def _lists(self, root: Root) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
        """(blond, male) and split code of every image, by file name."""
        folder, suffix = self._found(root)
        attributes, partition = folder / f"{ATTRIBUTES}{suffix}", folder / f"{PARTITION}{suffix}"
        if not partition.is_file():
            raise MissingData(f"celeba in {folder}", f"no {partition.name}", HELP)
        return _read_lists(attributes, partition, attributes.stat().st_mtime_ns, partition.stat().st_mtime_ns)

    def _names(self, root: Root) -> list[str]:
        return sorted(self._lists(root)[1])

    def _rows(self, root: Root, split: SplitName) -> list[tuple[str, int, int]]:
        attributes, partition = self._lists(root)
        names = sorted(n for n, code in partition.items() if code == SPLITS.index(split))
        lacking = next((n for n in names if n not in attributes), None)
        if lacking is not None:
            raise BadData("celeba", f"{lacking} has a split and no attributes", "get both lists again")
        rows = [(n, *attributes[n]) for n in names]
        if not self.subset:
            found = group_counts(torch.tensor([2 * blond + male for _, blond, male in rows], dtype=torch.int64), 4)
            remedy = "give the complete folder, or declare a part of it with --set dataset.subset=true"
            check_counts(f"celeba {split}", found, self.counts[split], remedy)
        return rows

    def _images(self, root: Root) -> Ragged:
        folder, _ = self._found(root)
        place = next((p for p in (folder / IMAGES / IMAGES, folder / IMAGES) if p.is_dir()), None)
        if place is None:
            raise MissingData(f"celeba in {folder}", f"no folder {IMAGES}", f"extract {IMAGES}.zip there")
        names = self._names(root)
        absent = [n for n in names if not (place / n).is_file()]
        if absent:
            wrong = f"{len(absent)} of {len(names)} listed images are not there (first: {absent[0]})"
            raise MissingData(f"celeba in {place}", wrong, f"extract the whole {IMAGES}.zip")
        return store.open_or_build(root.cache / "celeba" / "images", place, names)


@lru_cache(maxsize=2)
def _read_lists(
    attributes: Path,
    partition: Path,
    *changed: int,  # noqa: ARG001 - a changed list is read again
) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    return read_attributes(attributes), read_partition(partition)


def read_attributes(path: Path) -> dict[str, tuple[int, int]]:
    """(blond, male) by file name, 0 or 1, from either form of the list; BadData names the line that is wrong."""
    header, lines = _table(path)
    places = []
    for column in (LABEL, ATTRIBUTE):
        if column not in header:
            raise BadData(f"{path}", f"no column {column!r}", "get the list again")
        places.append(header.index(column))
    found = {}
    for number, fields in lines:
        values = [fields[p] for p in places] if len(fields) == len(header) else []
        if not values or any(v not in ("1", "-1", "0") for v in values):
            raise BadData(f"{path}, line {number}", "not a name and attributes of 1 or -1", "get the list again")
        found[_safe(fields[0], path, number)] = (int(values[0] == "1"), int(values[1] == "1"))
    return found


def read_partition(path: Path) -> dict[str, int]:
    """Split code by file name; BadData names the line that is wrong."""
    found = {}
    for number, fields in _table(path, n=2)[1]:
        if len(fields) != 2 or fields[1] not in ("0", "1", "2"):
            raise BadData(f"{path}, line {number}", "not a name and a split of 0, 1 or 2", "get the list again")
        found[_safe(fields[0], path, number)] = int(fields[1])
    return found


def _table(path: Path, n: int | None = None) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Header and numbered records of a list, as CSV or as blank-separated text (attributes: count, header, lines)."""
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if path.suffix == ".csv":
        rows = list(csv.reader(text))
        return (rows[0] if rows else []), ((i, r) for i, r in enumerate(rows[1:], 2) if r)
    if n is not None:  # the partition has no header
        return [], ((i, line.split()) for i, line in enumerate(text, 1) if line.strip())
    header = ["image_id", *text[1].split()] if len(text) > 1 else []
    return header, ((i, line.split()) for i, line in enumerate(text[2:], 3) if line.strip())


def _safe(name: str, path: Path, number: int) -> str:
    if Path(name).name != name or name in ("", ".", ".."):
        raise BadData(f"{path}, line {number}", f"{name!r} leads outside the folder", "get the list again")
    return name
