"""Device and numerical precision, as they were chosen before cells were planned (`numerics`)."""

import contextlib
import ctypes
from contextlib import AbstractContextManager
from typing import Any

import torch

from wgbench.config import Mode
from wgbench.errors import DeviceFailed

PAYS_FROM = 64  # pixels: below, `auto` does not look for anything faster than fp32


def device(asked: str) -> torch.device:
    """`auto` is the first CUDA device if there is one, else the CPU. DeviceFailed if the device is not to be had."""
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    remedy = "take --device cpu or auto"
    try:
        wanted = torch.device(asked)
    except RuntimeError:  # whose message lists all kinds of devices that there ever were
        raise DeviceFailed(f"--device {asked}", "no such device", remedy) from None
    try:
        torch.zeros(1, device=wanted).item()  # `meta` has no numbers
    except (RuntimeError, AssertionError, ImportError) as problem:
        why = str(problem).partition("\n")[0].partition(". ")[0]
        said = "this torch cannot use it" if "aten::" in why or isinstance(problem, ImportError) else why
        raise DeviceFailed(f"--device {asked}", f"not available here ({said})", remedy) from None
    return wanted


def has_bf16(on: torch.device) -> bool:
    """Whether a GPU has bf16 matrix products in hardware, not emulated. CPUs are put to the test: `engine.probe`."""
    return on.type == "cuda" and bool(torch.cuda.is_bf16_supported(including_emulation=False))


def dtype(of: Mode) -> torch.dtype:
    """Type of parameters and inputs; bf16 is mixed precision on fp32 parameters."""
    return torch.float64 if of.precision == "fp64" else torch.float32


def autocast(of: Mode, on: torch.device) -> AbstractContextManager[Any]:
    """The context that features are computed in."""
    if of.precision == "bf16":
        return torch.autocast(on.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def prepare(of: Mode, threads: int, deterministic: bool) -> None:
    """Settings of this process: threads, TF32, deterministic kernels."""
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = of.precision == "tf32"
    torch.backends.cudnn.allow_tf32 = of.precision == "tf32"
    if deterministic:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, in one heap for all threads that begin after it.

    Activations come and go with every step, and zeroing new pages for them took a tenth of it. A thread with a heap of
    its own gives pages back all the same: training in one lost a fifth. Nothing happens with other C libraries.
    """
    trim_threshold, mmap_max, arena_max = -1, -4, -8  # of mallopt(3)
    with contextlib.suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(arena_max, 1)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, -1)
