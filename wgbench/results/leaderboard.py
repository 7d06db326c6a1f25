"""A board: a folder of entries, one folder each."""

import hashlib
import shutil
from pathlib import Path

from wgbench.config import Plugin, place
from wgbench.disk import writing
from wgbench.errors import BadEntry, StoreFailed
from wgbench.results import schema
from wgbench.results.entry import Subject


def add(folder: Path, board: Path) -> Path:
    """Check an entry and copy it to `<board>/results/<dataset>/<backbone>/<algorithm>/<id>/`; where it lies now."""
    entry = schema.read(folder)
    check(folder, entry)
    target = board / "results" / place(entry.dataset, entry.backbone, entry.algorithm) / entry.id
    if target.exists() and schema.read(target) != entry:
        wrong = "another result with this id is on the board"
        raise StoreFailed(f"adding {entry.id}", wrong, f"compare them, and delete {target} to replace it")
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
        for name in (*entry.files, schema.ENTRY):
            shutil.copyfile(folder / name, target / name)
    return target


def check(folder: Path, entry: schema.Entry) -> None:
    """The entry's id follows from its content, and the files beside it are the ones that it names."""
    if subject_of(entry).digest() != entry.id:
        raise BadEntry(f"entry {folder}", "its id does not follow from what it says it ran", "run it again")
    for name, digest in entry.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise BadEntry(f"entry {folder}", f"{name} is missing", "copy the whole folder that `wgbench run` wrote")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise BadEntry(f"entry {folder}", f"{name} is not the file that was scored", "run it again")


def subject_of(entry: schema.Entry) -> Subject:
    """What an entry says it ran."""
    return Subject(
        dataset=_plugin(entry.dataset),
        backbone=_plugin(entry.backbone),
        algorithm=_plugin(entry.algorithm),
        loss=entry.loss,
        recipe=entry.recipe,
        protocol=entry.protocol,
        mode=entry.mode,
        data=entry.data,
        weights=entry.weights,
    )


def _plugin(described: Plugin) -> Plugin:
    return Plugin(name=described.name, version=described.version, options=described.options)
