"""Processes that decode images side by side, each running `decoding.py`, into one file."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wgbench.datasets import decoding
from wgbench.errors import StoreFailed

PER_TASK = 32  # images
# glibc, and Pillow, give the memory of every image back and take it again: with 350 page faults an image of 500 x 375
# pixels may take twice the time.
KEEP = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "PILLOW_BLOCKS_MAX": "64",  # megabytes
}


@dataclass(frozen=True)
class Placed:
    """An image whose pixels are in the file already."""

    height: int
    width: int
    checksum: bytes
    source: str


def in_processes(
    source: Path, names: Sequence[str], max_pixels: int, target: Path, workers: int
) -> Iterator[Placed | str]:
    """Decode `source/name` into `target`, one image after another, by `workers` processes; each one's fate, in order.

    OSError where the file cannot be written; StoreFailed where a decoder was killed.
    """
    with ExitStack() as stack:
        decoders = [stack.enter_context(_Decoder()) for _ in range(workers)]  # they start while heads are read here
        target.touch()
        asked = 0
        for task in _tasks(source, names, max_pixels, target):
            if asked >= 2 * workers:  # tasks in the pipes at once
                yield from decoders[asked % workers].answer()
            decoders[asked % workers].ask(task)
            asked += 1
        for i in range(max(0, asked - 2 * workers), asked):
            yield from decoders[i % workers].answer()


def _tasks(source: Path, names: Sequence[str], max_pixels: int, target: Path) -> Iterator[dict[str, Any]]:
    """Runs of images, with their sizes and the places in the file where their pixels go."""
    end = 0
    for first in range(0, len(names), PER_TASK):
        part = list(names[first : first + PER_TASK])
        sizes = [decoding.size(source / name) for name in part]
        ends = [end, *(end + np.cumsum([3 * h * w for h, w in sizes])).tolist()]
        end = ends[-1]
        task = {"source": str(source), "names": part, "target": str(target), "max_pixels": max_pixels}
        yield {**task, "starts": ends[:-1], "sizes": sizes}


class _Decoder:
    """A process that decodes; killed on leaving."""

    def __enter__(self) -> "_Decoder":
        command = [sys.executable, "-P", decoding.__file__]
        pipe, environment = subprocess.PIPE, {**os.environ, **KEEP}
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, task: dict[str, Any]) -> None:
        """Send a task."""
        assert self.process.stdin is not None
        try:
            print(json.dumps(task), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise self._killed() from None

    def answer(self) -> Iterator[Placed | str]:
        """What became of the images of the oldest task that is not answered."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise self._killed()
        found = json.loads(line)
        if "errno" in found:
            raise OSError(found["errno"], found["message"])
        for one in found["images"]:
            yield one if isinstance(one, str) else Placed(one[0], one[1], bytes.fromhex(one[2]), one[3])

    def _killed(self) -> StoreFailed:
        wrong = f"a process that decodes ended with status {self.process.wait()}"
        return StoreFailed("decoding images", wrong, "call the same command again: it begins anew")
