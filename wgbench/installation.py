"""This very installation, as a hash: what was worked out by another one may be out of date."""

import contextlib
import hashlib
import json
import os
from importlib import metadata
from pathlib import Path

import wgbench
from wgbench.registry import KINDS


def fingerprint() -> str:
    """What plug-ins and their versions depend on: the package's files, other packages, what was registered by hand."""
    root = Path(wgbench.__file__).parent
    seen = []
    for path in sorted(root.rglob("*.py")):
        with contextlib.suppress(FileNotFoundError):  # another version is being installed
            status = path.stat()
            seen.append(f"{path.relative_to(root)} {status.st_size} {status.st_mtime_ns}")
    points = [point for kind in KINDS for point in metadata.entry_points(group=f"wgbench.{kind}")]
    seen += sorted(f"{point} {point.dist.version if point.dist else ''}" for point in points)
    seen += [f"{kind} {getattr(wgbench, kind).registry.registered()}" for kind in KINDS]
    seen += [
        metadata.version("torch"),
        *(os.environ.get(name, "") for name in ("WGBENCH_PLUGINS", "CUDA_VISIBLE_DEVICES")),
    ]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]
