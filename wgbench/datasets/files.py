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
    raise MissingData(f"{name} in {root.data}", f"no {marker} {where}", remedy)
