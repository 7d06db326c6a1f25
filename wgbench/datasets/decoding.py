"""Images to pixels, in processes of their own. Without torch or the package a decoder starts in a tenth of a second.

As a program (`python -P decoding.py`) it reads tasks from stdin and answers on stdout, a JSON line each.
It puts pixels into the file that a task names, at the places that it names, and ends when stdin does.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from wgbench.errors import StoreFailed

BLOCK = 8192  # bytes
PER_TASK = 32  # images
# glibc, and Pillow, give the memory of every image back and take it again: with 350 page faults an image of 500 x 375
# pixels may take twice the time.
KEEP = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "PILLOW_BLOCKS_MAX": "64",  # megabytes
}


class Decoded(NamedTuple):
    """One image: pixels (H, W, 3), their checksum, and the SHA-256 of the encoded file."""

    pixels: NDArray[np.uint8]
    checksum: bytes
    source: str


@dataclass(frozen=True)
class Placed:
    """An image whose pixels are in the file already."""

    height: int
    width: int
    checksum: bytes
    source: str


def checksum(array: NDArray[Any]) -> bytes:
    """32 bytes that change when a byte of the array does, or when parts change places.

    SHA-256 of the sum, modulo 2^64, of blocks of 8 KiB times their odd numbers: ten times as fast as SHA-256 of it all,
    which would be a third of the time of decoding.
    """
    flat = array.reshape(-1).view(np.uint8)
    whole = len(flat) // BLOCK * BLOCK
    words = flat[:whole].view(np.uint64).reshape(-1, BLOCK // 8)
    odd = np.arange(1, 2 * len(words), 2, dtype=np.uint64)
    return hashlib.sha256(np.einsum("bw,b->w", words, odd).tobytes() + flat[whole:].tobytes()).digest()


def decode(content: bytes, name: str, max_pixels: int) -> Decoded | str:
    """Pixels of an encoded image, or its name with what is wrong with it."""
    try:
        image = Image.open(io.BytesIO(content))
        if image.width * image.height > max_pixels:
            return f"{name} ({image.width} x {image.height}: above {max_pixels} pixels)"
        pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # the same pixels, a copy less
    except Exception as problem:  # decoders raise whatever they stumble on: OSError, SyntaxError, struct.error ...
        return f"{name} ({type(problem).__name__ if content else 'empty'})"
    return Decoded(pixels, checksum(pixels), hashlib.sha256(content).hexdigest())


def read(path: Path, name: str, max_pixels: int) -> Decoded | str:
    """As `decode`, from a file."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        return f"{name} ({type(problem).__name__})"
    return decode(content, name, max_pixels)


def size(path: Path) -> tuple[int, int]:
    """Height and width of an image as its head has them; (0, 0) where it has none."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception:  # whoever decodes it says what is wrong
        return 0, 0


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
        sizes = [size(source / name) for name in part]
        ends = [end, *(end + np.cumsum([3 * h * w for h, w in sizes])).tolist()]
        end = ends[-1]
        task = {"source": str(source), "names": part, "target": str(target), "max_pixels": max_pixels}
        yield {**task, "starts": ends[:-1], "sizes": sizes}


class _Decoder:
    """A process that decodes; killed on leaving."""

    def __enter__(self) -> "_Decoder":
        command = [sys.executable, "-P", __file__]
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

    def _killed(self) -> "StoreFailed":
        from wgbench.errors import StoreFailed

        wrong = f"a process that decodes ended with status {self.process.wait()}"
        return StoreFailed("decoding images", wrong, "call the same command again: it begins anew")


def _serve(task: dict[str, Any]) -> dict[str, Any]:
    """Answer one task."""
    source = Path(task["source"])
    images: list[str | list[Any]] = []
    try:
        with open(task["target"], "r+b", buffering=0) as file:
            for name, start, (height, width) in zip(task["names"], task["starts"], task["sizes"], strict=True):
                made = read(source / name, name, task["max_pixels"])
                if not isinstance(made, str) and made.pixels.shape[:2] != (height, width):
                    made = f"{name} (it changed meanwhile)"
                if isinstance(made, str):
                    images.append(made)
                    continue
                file.seek(start)
                _write_all(file, memoryview(np.ascontiguousarray(made.pixels).data).cast("B"))
                images.append([height, width, made.checksum.hex(), made.source])
    except OSError as problem:
        return {"errno": problem.errno, "message": problem.strerror}
    return {"images": images}


def _write_all(file: io.FileIO, content: memoryview) -> None:
    """An unbuffered file may take less than it is given."""
    while content:
        content = content[file.write(content) :]


def main() -> None:
    """Answer tasks until stdin ends."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # max_pixels is our own limit
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
