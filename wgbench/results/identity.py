"""What an entry is about, and whether its id and its files follow from that."""

import hashlib
from pathlib import Path

from wgbench.config import Plugin
from wgbench.errors import BadEntry
from wgbench.results import schema
from wgbench.results.entry import Subject


def check(folder: Path, entry: schema.Entry) -> None:
    """The entry's id follows from its content, and the files beside it are the ones that it names; BadEntry if not."""
    if subject_of(entry).digest() != entry.id:
        raise BadEntry(f"entry {folder}", "its id does not follow from what it says it ran", "run it again")
    for name, digest in entry.files.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise BadEntry(f"entry {folder}", f"{name} is missing", "copy the whole folder that `wgbench run` wrote")
        if sha256(path) != digest:
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


def sha256(path: Path) -> str:
    """The SHA-256 of a file, without reading it whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plugin(described: Plugin) -> Plugin:
    return Plugin(name=described.name, version=described.version, options=described.options)
