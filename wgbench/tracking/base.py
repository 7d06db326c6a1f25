"""What a tracker is, and those that there are by name."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from wgbench.config import Cell
from wgbench.errors import BadOption, MissingExtra
from wgbench.launch.job import Progress
from wgbench.options import suggestion
from wgbench.request import Result

TRACKERS: Mapping[str, str] = {
    "jsonl": "wgbench.tracking.jsonl:JsonLines",
    "tensorboard": "wgbench.tracking.tensorboard:TensorBoard",
    "wandb": "wgbench.tracking.wandb:WeightsAndBiases",
    "mlflow": "wgbench.tracking.mlflow:MLflow",
}


class Tracker:
    """Told of every epoch of every cell, in the process that was started by the user."""

    def __init__(self, store: Path) -> None:
        self.store = store

    def epoch(self, cell: Cell, progress: Progress) -> None:
        """An epoch has ended: `progress.record` has accuracies and losses by split."""

    def concluded(self, result: Result) -> None:
        """An entry is written."""

    def close(self) -> None:
        """Nothing more will come."""


def trackers(names: Sequence[str], store: Path) -> list[Tracker]:
    """The trackers of these names; MissingExtra where a package is missing."""
    found = []
    for name in dict.fromkeys(names):
        if name not in TRACKERS:
            raise BadOption(f"--log {name}", "no such tracker", suggestion(name, set(TRACKERS)))
        module, _, attribute = TRACKERS[name].partition(":")
        try:
            made: Tracker = getattr(import_module(module), attribute)(store)
        except ImportError as problem:
            remedy = "install it: pip install 'wgbench[tracking]'"
            raise MissingExtra(f"--log {name}", f"a package is missing ({problem.name or problem})", remedy) from None
        found.append(made)
    return found


def label(cell: Cell, stage: int) -> str:
    """A run's name: one for every stage, so that curves of one name compare."""
    words = [cell.algorithm.name, f"seed{cell.seed}", f"wd{cell.weight_decay:g}", cell.id[:6]]
    return "-".join([*words, *([f"stage{stage}"] if stage > 1 else [])])


def facts(cell: Cell) -> dict[str, Any]:
    """What was run, flat, as JSON values."""
    return {
        "cell": cell.id,
        "dataset": cell.dataset.name,
        "backbone": cell.backbone.name,
        "algorithm": cell.algorithm.name,
        "loss": cell.loss.name,
        "seed": cell.seed,
        "weight_decay": cell.weight_decay,
        "epochs": cell.recipe.epochs,
        "batch_size": cell.recipe.batch_size,
        "lr": cell.recipe.lr,
        **{f"algorithm.{name}": value for name, value in cell.algorithm.options.items()},
    }
