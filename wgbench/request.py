"""What a user asks for, and how they are told what happens. No torch here."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wgbench.config import Cell
from wgbench.errors import BadOption, WgbenchError

if TYPE_CHECKING:
    from wgbench.launch.job import Progress
    from wgbench.results.schema import Entry

OWNERS = ("algorithm", "recipe", "dataset", "backbone")


@dataclass(frozen=True)
class Request:
    """One algorithm on one dataset; None means the dataset's default."""

    algorithm: str
    dataset: str
    backbone: str | None = None
    seeds: tuple[int, ...] | None = None
    weight_decays: tuple[float, ...] | None = None
    epochs: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # nu, recipe.lr, dataset.draw, backbone.width, ...
    pretrained: bool | None = None
    weights: Path | None = None
    device: str = "auto"
    precision: Literal["auto", "fp64", "fp32", "tf32", "bf16"] = "auto"
    pipeline: Literal["fast", "reference"] = "fast"
    threads: int = 1
    deterministic: bool = False
    vectorize: Literal["auto", "off"] = "auto"
    compile: bool = False
    jobs: int | None = None
    launcher: Literal["local", "ray", "slurm"] = "local"
    launcher_options: Mapping[str, Any] = field(default_factory=dict)
    data_dir: Path | None = None
    store: Path = Path("runs")
    keep: bool = False
    checkpoint_every: float = 30.0  # seconds
    note: str = ""
    baseline: bool = True
    tune: int = 0  # configurations to choose the algorithm's hyper-parameters from; 0 for its defaults

    def settings_of(self, owner: str) -> dict[str, Any]:
        """The `--set` options of algorithm, recipe, dataset or backbone; BadOption for another owner."""
        found: dict[str, Any] = {}
        for dotted, value in self.settings.items():
            first, dot, rest = dotted.partition(".")
            if dot and first not in OWNERS:
                remedy = f"write NAME=VALUE for the algorithm, or {', '.join(f'{o}.NAME=VALUE' for o in OWNERS[1:])}"
                raise BadOption(f"--set {dotted}={value}", f"nothing here is called {first!r}", remedy)
            if (first if dot else "algorithm") == owner:
                found[rest if dot else dotted] = value
        return found

    def command(self) -> str:
        """The command line that repeats this, as far as results go; paths stay private."""
        kind, colon, where = self.dataset.partition(":")
        private = colon and Path(where).exists()
        words = ["wgbench run", self.algorithm, f"{kind}:PATH" if private else self.dataset]
        words += [f"--backbone {self.backbone}"] if self.backbone else []
        words += [f"--seeds {listed(self.seeds)}"] if self.seeds else []
        words += [f"--wd {listed(self.weight_decays)}"] if self.weight_decays else []
        words += [f"--tune {self.tune}"] if self.tune else []
        words += [f"--epochs {self.epochs}"] if self.epochs else []
        words += [f"--set {shlex.quote(f'{name}={_written(value)}')}" for name, value in self.settings.items()]
        words += [] if self.pretrained is None else ["--pretrained" if self.pretrained else "--no-pretrained"]
        words += ["--weights FILE"] if self.weights else []
        words += ["--data-dir FOLDER"] if self.data_dir else []
        words += [f"--precision {self.precision}"] if self.precision != "auto" else []
        words += [f"--pipeline {self.pipeline}"] if self.pipeline != "fast" else []
        words += [f"--vectorize {self.vectorize}"] if self.vectorize != "auto" else []
        words += ["--compile"] if self.compile else []
        return " ".join(words)


@dataclass(frozen=True)
class Result:
    """A finished request: its entry, and the folder that holds it."""

    entry: "Entry"
    folder: Path


class Observer:
    """Told what happens while a request is served; this one keeps silent."""

    def say(self, text: str) -> None:
        """A line for the user."""

    def planned(self, cells: Sequence[Cell], todo: Sequence[Cell]) -> None:
        """Which cells there are, and which of them are still to run."""

    def progress(self, progress: "Progress") -> None:
        """An epoch of a cell has ended."""

    def refused(self, request: Request, problem: WgbenchError) -> None:
        """A request among others cannot be served, or no further."""

    def concluded(self, request: Request, result: "Result") -> None:
        """The entry of a request is written."""


def listed(values: Sequence[float]) -> str:
    """Numbers as `--seeds` and `--wd` read them."""
    return ",".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def _written(value: Any) -> str:
    """A setting as `--set` reads it back: parts as JSON, which is YAML too."""
    return json.dumps(value) if isinstance(value, dict | list | tuple | bool) or value is None else str(value)
