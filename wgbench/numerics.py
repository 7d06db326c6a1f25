"""How the numbers of a request are computed: as it says, as its runs were begun, or as this machine does it best.

The precision is a part of every cell's id, so `auto` must not waver. What a run folder of the request records wins;
then what was found out before on this machine, which is kept in the cache; only then a trial is run (`engine.probe`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from filelock import FileLock

from wgbench import runs
from wgbench.backbones.base import Backbone
from wgbench.config import Mode
from wgbench.disk import CACHE, write_whole, writing
from wgbench.engine import precision, probe
from wgbench.errors import BadOption
from wgbench.launch.environment import device_name
from wgbench.request import Request
from wgbench.results.entry import Subject
from wgbench.types import Spec

FILE = "precision.json"
Choice = Literal["fp32", "bf16"]


def settled(subject: Subject, request: Request, backbone: Backbone, device: torch.device, cache: Path) -> Subject:
    """The subject with the mode that its cells are computed in."""
    if request.compile and request.pipeline == "reference":
        raise BadOption("--compile", "the reference pipeline is the plain loop", "drop one of --compile and --pipeline")
    if request.precision != "auto":
        return _in(subject, request, request.precision)
    views = subject.recipe.views
    side = views.size if views else 0
    # The reference pipeline is the field's plain loop, in plain fp32.
    if request.pipeline == "reference" or not backbone.convolutional or side < precision.PAYS_FROM:
        return _in(subject, request, "fp32")
    candidates = [_in(subject, request, "fp32"), _in(subject, request, "bf16")]
    begun = [found for found in candidates if _begun(found, request.store)]
    if len(begun) == 1:
        return begun[0]
    if device.type == "cuda" and not torch.cuda.is_available():
        wrong = f"what the GPUs of --launcher {request.launcher} do best cannot be tried from here"
        raise BadOption("--precision auto", wrong, "take --precision bf16 or fp32")
    if device.type != "cpu":
        return _in(subject, request, "bf16" if precision.has_bf16(device) else "fp32")
    return _in(subject, request, remembered(subject, backbone, side, request.threads, cache))


def remembered(subject: Subject, backbone: Backbone, side: int, threads: int, cache: Path) -> Choice:
    """What a trial of this network on this machine said: it is run once, and kept."""
    key = f"{device_name(torch.device('cpu'))}, torch {torch.__version__}, {threads} threads, {side} px, "
    key += hashlib.sha256(subject.backbone.canonical().encode()).hexdigest()[:16]
    path = cache / FILE
    with writing(path, CACHE):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):  # of two that ask at once, the second takes the first one's answer
            known = _read(path)
            if key not in known:
                found = probe.trial(lambda: backbone.build(Spec((3, side, side), 2)), side, threads)
                seconds = {"fp32": round(found.fp32, 4), "bf16": round(found.bf16, 4)}
                known[key] = {"precision": "bf16" if found.pays else "fp32", "seconds": seconds}
                write_whole(path, (json.dumps(known, indent=1) + "\n").encode())
    return cast(Choice, known[key]["precision"])


def _in(subject: Subject, request: Request, asked: Literal["fp64", "fp32", "tf32", "bf16"]) -> Subject:
    mode = Mode(
        precision=asked, pipeline=request.pipeline, vectorized=subject.mode.vectorized, compiled=request.compile
    )
    return subject.model_copy(update={"mode": mode})


def _begun(subject: Subject, store: Path) -> bool:
    return any((runs.folder(store, cell) / runs.CELL).is_file() for cell in subject.cells())


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """What is known; nothing where the file is not there or damaged."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {key: found for key, found in known.items() if found["precision"] in get_args(Choice)}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}
