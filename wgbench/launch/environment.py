"""What a run depends on beside its specification: versions, device, threads, revision. No paths, no host names."""

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

import torch

REVISION = "WGBENCH_REVISION"
PACKAGES = ("torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn")


def environment(device: torch.device, threads: int, deterministic: bool) -> dict[str, object]:
    """JSON values that go into `cell.json` and into entries."""
    return {
        "wgbench": _version("wgbench"),
        "revision": revision(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device_name(device),
        "threads": threads,
        "deterministic": deterministic,
    }


def device_name(device: torch.device) -> str:
    """The processor's name."""
    if device.type == "cuda":  # pragma: no cover - on a GPU only
        return torch.cuda.get_device_name(device)
    return f"{_processor()} (CPU)" if device.type == "cpu" else str(device)


@cache
def revision() -> str | None:
    """The git revision of the source checkout, `+` appended where it has changes; None for an installed package.

    Workers elsewhere have a copy of the driver's package, and are told the revision in their environment.
    """
    if REVISION in os.environ:
        return os.environ[REVISION] or None
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "--", "wgbench") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
