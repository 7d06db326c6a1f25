"""A run folder: the cell, a lock, curves, checkpoints, predictions, and the result, written last.

Everything is written so that a kill at any moment loses at most the time since the last checkpoint: whole files
beside and renamed, lines appended and cut back to the checkpoint on resume.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from wgbench import checkpoints, leaving, untrusted
from wgbench.config import Cell, place
from wgbench.disk import write_whole, writing
from wgbench.engine.sink import START, Checkpoint, Line, Moment
from wgbench.errors import StoreFailed

CELL, CURVES, PREDICTIONS, RESULT = "cell.json", "curves.jsonl", "predictions.parquet", "result.json"
FAILED = "failed.json"
LARGEST = 256 * 2**20  # bytes of a JSON file or of curves that are read
AGAIN = "delete that folder and run again"
EVERY = 30.0  # seconds between checkpoints, at least
KEPT = 2

Group = tuple[tuple[int, float], ...]  # seeds and weight decays of the cells of one program


def folder(store: Path, cell: Cell) -> Path:
    """Where a cell's run lies in a store."""
    return store / place(cell.dataset, cell.backbone, cell.algorithm) / cell.id


def finished(path: Path) -> bool:
    """Whether the run in a folder is complete."""
    return (path / RESULT).is_file()


def failed(path: Path) -> bool:
    """Whether the run in a folder was given up: its algorithm could not go on."""
    return (path / FAILED).is_file()


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON file whole, or leave what was there."""
    with writing(path):
        write_whole(path, (json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a run; StoreFailed if it is damaged."""
    try:
        return untrusted.json_object(path, LARGEST)
    except untrusted.Refused as problem:
        raise StoreFailed(f"reading {path}", f"damaged (it {problem})", AGAIN) from None


def group(path: Path) -> Group | None:
    """With which cells the run in a folder was begun: their seeds and weight decays. None where there is no run."""
    if not (path / CELL).is_file():
        return None
    try:
        return tuple((int(seed), float(decay)) for seed, decay in read_json(path / CELL).get("group", ()))
    except (TypeError, ValueError):
        raise StoreFailed(f"reading {path / CELL}", "damaged (a group that is none)", AGAIN) from None


class Stopped(Exception):
    """The epoch at which training was to stop has ended."""


class RunFolder:
    """One cell's folder, opened for training: the engine's sink."""

    def __init__(self, path: Path, cell: Cell, *, every: float = EVERY, stop: Moment | None = None) -> None:
        self.path, self.cell, self.every, self.stop = path, cell, every, stop
        self.reached: Moment = (0, 0)
        self.saved_at = time.monotonic()
        self.listeners: list[Callable[[Line], None]] = []
        self.damaged: list[str] = []  # names of checkpoints that could not be gone on from
        self.last = True  # of the folders that are saved together
        self.left = False

    @contextlib.contextmanager
    def locked(self, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the folder; a second process waits. The lock goes with the process that holds it."""
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / "lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def begin(self, environment: Mapping[str, Any], group: Group = ()) -> None:
        """Say what is being run, on what, and together with which other cells."""
        said = {"cell": self.cell.model_dump(mode="json"), "environment": dict(environment)}
        write_json(self.path / CELL, said | ({"group": [list(one) for one in group]} if group else {}))

    def forget(self) -> None:
        """Let go of everything that an earlier attempt trained."""
        self.resume(START)

    def moments(self) -> set[Moment]:
        """The ends of stages and the checkpoints whose files are whole, with all curve lines up to them."""
        lines, found, stage = self._lines(), {START}, 1
        while (file := self.path / f"stage-{stage}.safetensors").is_file():
            if checkpoints.whole(file, lines) is None:
                self.damaged.append(file.name)
                break
            stage += 1
            found.add((stage, 0))
        for file in checkpoints.states(self.path):
            saved = checkpoints.whole(file, lines)
            if saved is None:
                self.damaged.append(file.name)
            elif (saved.stage, 0) in found:
                found.add((saved.stage, saved.epoch))
        return found

    def resume(self, at: Moment) -> Checkpoint | None:
        """Go back to a moment: later lines and files are removed."""
        stage, epoch = at
        for file in self.path.glob("stage-*.safetensors"):
            if file.stem[6:].isdecimal() and int(file.stem[6:]) >= stage:
                file.unlink()
        for file in checkpoints.states(self.path):
            if checkpoints.moment(file) > at:
                file.unlink()
        self._rewrite(checkpoints.until(self._lines(), at))
        return checkpoints.read(self.path / f"state-{stage}-{epoch}.safetensors") if epoch else None

    def finished_stage(self, stage: int) -> Checkpoint | None:
        """The end of a stage, if an earlier attempt reached it."""
        file = self.path / f"stage-{stage}.safetensors"
        return checkpoints.read(file) if file.is_file() else None

    def epoch(self, line: Line) -> None:
        """Append a line to the curves."""
        with writing(self.path / CURVES), (self.path / CURVES).open("a") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        for listener in self.listeners:
            listener(line)
        self.reached = line["stage"], line["epoch"]

    def due(self) -> bool:
        """Whether the last save was long enough ago. Stopped, if this is where to stop; Terminated after SIGTERM."""
        if self.stop is not None and self.reached >= self.stop:
            raise Stopped
        if leaving.asked():
            if self.left:  # others that it was to be saved with were not
                raise leaving.Terminated
            self.left = True
            return True
        return time.monotonic() - self.saved_at >= self.every

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; the last two are kept. Terminated, if it was written in order to leave."""
        self._write(self.path / f"state-{checkpoint.stage}-{checkpoint.epoch}.safetensors", checkpoint)
        self.saved_at = time.monotonic()
        for old in checkpoints.states(self.path)[:-KEPT]:
            old.unlink()
        if leaving.asked() and self.last:
            raise leaving.Terminated

    def stage_done(self, end: Checkpoint) -> None:
        """Save the end of a stage: later stages start from it, in this attempt or the next."""
        self._write(self.path / f"stage-{end.stage}.safetensors", end)

    def finish(self, result: Mapping[str, Any], predictions: Mapping[str, NDArray[np.int16]], keep: bool) -> None:
        """Write predictions and the result, then let go of checkpoints (of the last stage's network unless `keep`)."""
        with writing(self.path / PREDICTIONS):
            write_whole(self.path / PREDICTIONS, parquet(dict(sorted(predictions.items()))))
        write_json(self.path / RESULT, {**result, "curves": checkpoints.digest(self._lines())})
        for file in checkpoints.states(self.path):
            file.unlink()
        if not keep:
            for file in self.path.glob("stage-*.safetensors"):
                file.unlink()

    def fail(self, why: str) -> None:
        """Note that the algorithm cannot go on, in place of a result."""
        write_json(self.path / FAILED, {"why": why})

    def _write(self, path: Path, checkpoint: Checkpoint) -> None:
        content = checkpoints.content(checkpoint, self._lines())
        with writing(path):
            write_whole(path, content)

    def _lines(self) -> list[Line]:
        path = self.path / CURVES
        return read_lines(path) if path.is_file() else []

    def _rewrite(self, lines: list[Line]) -> None:
        path = self.path / CURVES
        with writing(path):
            write_whole(path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def read_lines(path: Path) -> list[Line]:
    """Lines of a curves.jsonl up to the first that is torn or damaged."""
    try:
        written = untrusted.content(path, LARGEST).decode(errors="replace")
    except untrusted.Refused as problem:
        raise StoreFailed(f"reading {path}", f"it {problem}", AGAIN) from None
    lines: list[Line] = []
    for text in written.split("\n"):
        try:
            line = untrusted.parsed(text)
        except untrusted.Refused:
            break
        if not is_line(line):
            break
        lines.append(line)
    return lines


def is_line(line: Any) -> bool:
    """Whether a JSON value is a line of curves: where it belongs, its timings, and what it says of each split."""
    if not isinstance(line, dict) or not all(untrusted.is_positive(line.get(name)) for name in ("stage", "epoch")):
        return False
    seconds = line.get("seconds")
    timed = isinstance(seconds, dict) and all(isinstance(v, int | float) for v in seconds.values())
    return timed and all(isinstance(line.get(name), dict | None) for name in ("train", "val", "test", "weights"))


def read_predictions(path: Path) -> dict[str, NDArray[np.int16]]:
    """Predicted classes by moment; StoreFailed if the file is damaged."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(untrusted.content(path, LARGEST)))
    except untrusted.Refused as problem:
        raise StoreFailed(f"reading {path}", f"it {problem}", AGAIN) from None
    except (OSError, ValueError, pa.ArrowException) as problem:
        raise StoreFailed(f"reading {path}", f"damaged ({type(problem).__name__})", AGAIN) from None
    if any(column.type != pa.int16() or column.null_count for column in table.columns):
        raise StoreFailed(f"reading {path}", "damaged (a column that holds no classes)", AGAIN)
    return {name: table[name].to_numpy() for name in table.column_names}


def parquet(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Columns of equal length as a parquet file."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), sink, compression="zstd")
    return bytes(sink.getvalue())
