"""A board: a folder of entries, one folder each."""

import shutil
from pathlib import Path

from wgbench.config import place
from wgbench.disk import writing
from wgbench.errors import StoreFailed
from wgbench.results import schema
from wgbench.results.board_folder import RESULTS
from wgbench.results.checking import require


def add(folder: Path, board: Path) -> Path:
    """Check an entry and copy it to `<board>/results/<dataset>/<backbone>/<algorithm>/<id>/`; where it lies now."""
    entry = require(folder)
    target = board / RESULTS / place(entry.dataset, entry.backbone, entry.algorithm) / entry.id
    if target.exists() and schema.read(target) != entry:
        wrong = "another result with this id is on the board"
        raise StoreFailed(f"adding {entry.id}", wrong, f"compare them, and delete {target} to replace it")
    with writing(target, "or choose another board with --to"):
        target.mkdir(parents=True, exist_ok=True)
        for name in (*entry.files, schema.ENTRY):
            shutil.copyfile(folder / name, target / name)
    return target
