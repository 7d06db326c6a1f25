"""Tables of images: `metadata.csv` beside its folders, in the columns of Waterbirds or of one's own; rows to splits."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

import torch

from wgbench.datasets import rows as tables
from wgbench.datasets.base import SPLITS, SplitName, check_counts, crossed, group_counts
from wgbench.errors import BadData, MissingData
from wgbench.types import Ragged, Split

METADATA = "metadata.csv"
AGAIN = "the file is damaged: copy it again from where it came from"
MEND = "correct it there"


@dataclass(frozen=True)
class Columns:
    """Names of the columns, and the codes that they may hold (any, where empty).

    Of the user's `own` table, mistakes are theirs to correct, and options of the dataset name the columns.
    """

    image: str = "img_filename"
    target: str = "y"
    attribute: str = "place"
    split: str = "split"
    targets: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    own: bool = False

    @property
    def mend(self) -> str:
        """What to do about a mistake."""
        return MEND if self.own else AGAIN

    @property
    def options(self) -> dict[str, str]:
        """The options that name the columns, by column."""
        names = ("image", "target", "split", "attribute") if self.own else ()
        return {getattr(self, name): f"--set dataset.{name}" for name in names}


class Row(NamedTuple):
    """One image: its path in the folder, label and attribute as they are written, and split 0, 1 or 2."""

    name: str
    target: str
    attribute: str
    split: int


def split_of(
    rows: Sequence[Row], images: Ragged, split: SplitName, asked: str, codes: tuple[Sequence[str], Sequence[str]]
) -> Split:
    """One split of a table, in its order; `images` are those of all rows.

    Labels and attributes are the places of what the rows hold in the two `codes`. BadData where the split is empty.
    """
    chosen = [i for i, r in enumerate(rows) if r.split == SPLITS.index(split)]
    if not chosen:
        raise BadData(f"{asked}, {split}", "no image is listed for it", "list all three splits")
    targets, attributes = ({code: i for i, code in enumerate(c)} for c in codes)
    label = torch.tensor([targets[rows[i].target] for i in chosen])
    attribute = torch.tensor([attributes[rows[i].attribute] for i in chosen])
    return crossed(images.take(torch.tensor(chosen)), label, attribute, len(targets), len(attributes))


def check_table(rows: Sequence[Row], counts: Mapping[str, tuple[int, ...]], asked: str) -> None:
    """Compare the groups of a whole table, of codes 0 and 1, with the published ones; BadData shows both."""
    remedy = "give the complete folder, or declare a part of it with --set dataset.subset=true"
    for code, split in enumerate(SPLITS):
        group = torch.tensor([2 * int(r.target) + int(r.attribute) for r in rows if r.split == code], dtype=torch.int64)
        check_counts(f"{asked} {split}", group_counts(group, 4), counts[split], remedy)


def content_hash(tables: Sequence[Path], folder: Path, names: Iterable[str]) -> str:
    """Hash of the tables, and of names and sizes of the images in the folder (16 hexadecimal digits)."""
    seen = hashlib.sha256()
    for table in tables:
        seen.update(table.read_bytes())
    for name in sorted(names):
        seen.update(f"\n{name} {(folder / name).stat().st_size}".encode())
    return seen.hexdigest()[:16]


def check_there(folder: Path, names: Sequence[str], remedy: str) -> None:
    """MissingData where a listed image is not in the folder."""
    absent = [n for n in names if not _is_there(folder / n)]
    if absent:
        wrong = f"{len(absent)} of {len(names)} listed images are not there (first: {absent[0]})"
        raise MissingData(f"images in {folder}", wrong, remedy)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name longer than file systems have
        return False


SPLIT_CODES = {"0": 0, "1": 1, "2": 2, "train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}


def read(folder: Path, columns: Columns) -> list[Row]:
    """The rows of metadata.csv; BadData names the line that is wrong, MissingData an image that is not there."""
    status = (folder / METADATA).stat()
    return _read(folder, columns, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read(folder: Path, columns: Columns, *changed: int) -> list[Row]:  # noqa: ARG001 - a changed file is read again
    path = folder / METADATA
    rows: dict[str, Row] = {}
    wanted = (columns.image, columns.target, columns.split, columns.attribute)
    for number, line in tables.columns(path, wanted, columns.mend, columns.options):
        where = f"{path}, line {number}"
        row = _row(line, columns, where)
        if row.name in rows:
            raise BadData(where, f"{row.name} is listed twice", columns.mend)
        rows[row.name] = row
    if not rows:
        raise BadData(f"{path}", "it lists no images", columns.mend)
    check_there(folder, list(rows), "extract the whole archive, or correct the list")
    return list(rows.values())


def _row(line: Mapping[str, str], columns: Columns, where: str) -> Row:
    """One row; BadData where a field is empty or out of range."""
    wanted = (columns.image, columns.target, columns.split, columns.attribute)
    for column in wanted:
        if line[column] == "":
            raise BadData(where, f"field {column!r} is missing", columns.mend)
        tables.check_text(where, line[column], columns.mend)
    name, target, split, attribute = (line[column] for column in wanted)
    inside = PureWindowsPath(name)  # knows both kinds of slashes
    if inside.anchor or ".." in inside.parts:
        raise BadData(where, f"{name!r} leads outside the folder", columns.mend)
    _check_code(where, columns.target, target, columns.targets, columns.mend)
    _check_code(where, columns.attribute, attribute, columns.attributes, columns.mend)
    _check_code(where, columns.split, split, SPLIT_CODES, columns.mend)
    return Row(name, target, attribute, SPLIT_CODES[split])


def _check_code(where: str, column: str, value: str, allowed: Collection[str], mend: str) -> None:
    if allowed and value not in allowed:
        raise BadData(where, f"{column} is {value!r}, not one of {', '.join(allowed)}", mend)
