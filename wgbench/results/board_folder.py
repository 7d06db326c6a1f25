"""Where a board begins: a folder with entries in `results/`, or with what was built from some."""

from pathlib import Path

from wgbench.errors import BadEntry
from wgbench.results.board import INDEX

RESULTS = "results"


def require(board: Path) -> None:
    """BadEntry where a folder holds no board."""
    if not (board / RESULTS).is_dir() and not (board / INDEX).is_file():
        remedy = "give the folder of one: --board FOLDER (`wgbench leaderboard add ENTRY --to FOLDER` begins one)"
        raise BadEntry(f"board {board}", "no board there", remedy)
