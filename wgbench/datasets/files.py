"""The user's files: where they may lie, and what is said when they do not."""

from collections.abc import Sequence
from pathlib import Path

from wgbench.errors import MissingData
from wgbench.types import Root


def find(name: str, root: Root, marker: str, inside: Sequence[str], remedy: str) -> Path | None:
    """The folder that holds `marker`: `root.data` itself or one of `inside` it; None where no folder was given.

    MissingData says where it was looked for.
    """
    if root.data is None:
        return None
    places = [root.data, *(root.data / i for i in dict.fromkeys(inside))]
    for place in places:
        if (place / marker).is_file():
            return place
    where = " nor in ".join(["there", *(f"{i}/" for i in dict.fromkeys(inside))])
    raise lacking(f"{name} in {root.data}", root.data, f"no {marker} {where}", remedy)


def lacking(asked: str, folder: Path, wrong: str, remedy: str) -> MissingData:
    """The error of a folder that lacks something; of none at all, where there is no such folder."""
    if folder.is_dir():
        return MissingData(asked, wrong, remedy)
    said = "it is a file, not a folder" if folder.exists() else "there is no such folder"
    return MissingData(asked, said, f"correct the path, or {remedy}")
