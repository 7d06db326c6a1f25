"""Checkpoints as files, with checksums of themselves and of the curves before them: what is damaged is found out."""

import hashlib
import json
import re
from pathlib import Path

from wgbench import untrusted
from wgbench.engine.sink import Checkpoint, Line, Moment

NAMED = re.compile(r"state-\d{1,9}-\d{1,9}\.safetensors")  # stage, epoch


def states(path: Path) -> list[Path]:
    """Checkpoints in a run folder, the earliest first."""
    return sorted((file for file in path.glob("state-*.safetensors") if NAMED.fullmatch(file.name)), key=moment)


def moment(path: Path) -> Moment:
    """The stage and epoch that a checkpoint's name says."""
    stage, epoch = path.stem.split("-")[1:3]
    return int(stage), int(epoch)


def content(checkpoint: Checkpoint, lines: list[Line]) -> bytes:
    """A checkpoint as a file, with checksums of itself and of the lines up to it."""
    from safetensors.torch import save

    header = {"stage": checkpoint.stage, "epoch": checkpoint.epoch, "info": checkpoint.info}
    header["checksum"] = _checksum(checkpoint)
    header["curves"] = digest(until(lines, (checkpoint.stage, checkpoint.epoch)))
    return save(checkpoint.tensors, metadata={"wgbench": json.dumps(header)})


def read(path: Path) -> Checkpoint | None:
    """A checkpoint, or None if the file is truncated or damaged."""
    found = _read(path)
    return found and found[0]


def whole(path: Path, lines: list[Line]) -> Checkpoint | None:
    """A checkpoint whose file is whole, as are the lines up to it; None for others."""
    found = _read(path)
    if found is None:
        return None
    saved, curves = found
    behind = until(lines, (saved.stage, saved.epoch))
    if sum(line["stage"] == saved.stage for line in behind) != saved.lines:
        return None
    return saved if curves in (None, digest(behind)) else None


def _read(path: Path) -> tuple[Checkpoint, str | None] | None:
    """A checkpoint and the digest of the lines up to it, which older ones lack; None if the file is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            header = json.loads(file.metadata()["wgbench"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        found = Checkpoint(header["stage"], header["epoch"], tensors, header["info"])
        # A flipped bit in the numbers is seen by nobody else.
        sound = header.get("checksum") in (None, _checksum(found)) and untrusted.is_positive(found.stage)
        return (found, header.get("curves")) if sound and found.lines >= 0 else None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def until(lines: list[Line], at: Moment) -> list[Line]:
    """Those up to a moment."""
    return [line for line in lines if (line["stage"], line["epoch"]) <= at]


def _checksum(checkpoint: Checkpoint) -> str:
    """SHA-256 over all that a checkpoint holds."""
    import torch

    about = [checkpoint.stage, checkpoint.epoch, checkpoint.info]
    about += [[name, str(tensor.dtype), list(tensor.shape)] for name, tensor in sorted(checkpoint.tensors.items())]
    as_read = json.loads(json.dumps(about))  # keys are text there, and tuples lists
    seen = hashlib.sha256(json.dumps(as_read, sort_keys=True).encode())
    for _, tensor in sorted(checkpoint.tensors.items()):
        seen.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return seen.hexdigest()


def digest(lines: list[Line]) -> str:
    """SHA-256 over lines without their timings: equal runs have equal ones."""
    said = [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
