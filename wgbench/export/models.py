"""Final networks of an entry's cells as safetensors files: of timm's models under timm's own names."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from wgbench import checkpoints, runs
from wgbench.config import Cell
from wgbench.engine import state
from wgbench.errors import BadEntry
from wgbench.launch import work
from wgbench.launch.job import Progress
from wgbench.replay import Wanted, job_of
from wgbench.results.identity import subject_of
from wgbench.results.stored import Stored

TIMM = "model."  # before timm's own names in our adapter


@dataclass(frozen=True)
class Final:
    """A trained network: its cell, and its parameters and buffers."""

    cell: Cell
    tensors: Mapping[str, Tensor]
    exact: bool  # whether it is the entry's, bit for bit

    @property
    def is_timm(self) -> bool:
        """Whether timm's `create_model` builds it."""
        return self.cell.backbone.name.startswith("timm:")

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"model-seed{self.cell.seed}-wd{self.cell.weight_decay:g}.safetensors"

    def content(self, facts: Mapping[str, Any]) -> bytes:
        """The file; `facts` go into its header as JSON."""
        from safetensors.torch import save

        named = {k.removeprefix(TIMM) if self.is_timm else k: v.contiguous() for k, v in self.tensors.items()}
        return save(named, metadata={"format": "pt", "wgbench": json.dumps(dict(facts), sort_keys=True)})


def cells(entry: Stored, seeds: tuple[int, ...], weight_decays: tuple[float, ...]) -> list[Cell]:
    """The cells of an entry at these seeds and weight decays."""
    every = subject_of(entry.entry).cells()
    return [cell for cell in every if cell.seed in seeds and cell.weight_decay in weight_decays]


def kept(entry: Stored, cell: Cell, store: Path) -> Final | None:
    """The network that a run with `--keep` left in a store; None where there is none."""
    said = entry.cell(cell.seed, cell.weight_decay)
    path = runs.folder(store, cell) / f"stage-{said.stages}.safetensors"
    if not path.is_file():
        return None
    checkpoint = checkpoints.read(path)
    if checkpoint is None:
        raise BadEntry(f"exporting {path}", "the file is damaged", "train it again: --train")
    networks = state.under("networks", checkpoint.tensors)
    last = max(int(name.partition(".")[0]) for name in networks)  # of several members the last is the result
    tensors = {name.partition(".")[2]: t for name, t in networks.items() if name.startswith(f"{last}.")}
    exact = state.digest(tensors) == said.model
    return Final(cell, tensors | state.under("head", checkpoint.tensors), exact)


def trained(entry: Stored, cell: Cell, wanted: Wanted, report: Callable[[Progress], None] = lambda _: None) -> Final:
    """The network of a cell that is trained again: on the machine and with the packages of the entry the same."""
    with tempfile.TemporaryDirectory(prefix="wgbench-export-") as folder:
        store = Path(folder)
        work.run(replace(job_of(entry, cell, wanted, store, None), keep=True), report)
        found = kept(entry, cell, store)
    if found is None:
        raise BadEntry(f"exporting cell {cell.id}", "training it again left no network", "report it")
    return found
