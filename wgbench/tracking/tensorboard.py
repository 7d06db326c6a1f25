"""TensorBoard: event files in `<runs>/tensorboard/<dataset>/<run>`."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from wgbench.config import Cell, slug
from wgbench.launch.job import Progress
from wgbench.tracking.base import Tracker, facts, label


class TensorBoard(Tracker):
    """A run of TensorBoard for every stage of every cell."""

    def __init__(self, store: Path) -> None:
        super().__init__(store)
        self.writers: dict[str, SummaryWriter] = {}

    def epoch(self, cell: Cell, progress: Progress) -> None:
        """A scalar for every number of the record."""
        name = label(cell, progress.stage)
        if name not in self.writers:
            folder = self.store / "tensorboard" / slug(cell.dataset.name) / name
            self.writers[name] = SummaryWriter(str(folder))
            about = "\n".join(f"- {k}: {v}" for k, v in facts(cell).items())
            self.writers[name].add_text("what", about)
        for key, value in progress.record.items():
            self.writers[name].add_scalar(key, value, progress.epoch)

    def close(self) -> None:
        """Write what is left."""
        for writer in self.writers.values():
            writer.close()
