"""MLflow: a run for every stage of every cell, in the experiment `wgbench/<dataset>`, on MLFLOW_TRACKING_URI."""

import time
from pathlib import Path

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from wgbench.config import Cell
from wgbench.launch.job import Progress
from wgbench.tracking.base import Tracker, facts, label


class MLflow(Tracker):
    """Many runs are open at once, as cells are: hence the client, not the module's one active run."""

    def __init__(self, store: Path) -> None:
        super().__init__(store)
        self.client = MlflowClient()
        self.runs: dict[str, str] = {}

    def epoch(self, cell: Cell, progress: Progress) -> None:
        """A metric for every number of the record, at the epoch's step."""
        name = label(cell, progress.stage)
        if name not in self.runs:
            self.runs[name] = self._begun(cell, name)
        now = int(1000 * time.time())
        metrics = [Metric(key, value, now, progress.epoch) for key, value in progress.record.items()]
        self.client.log_batch(self.runs[name], metrics=metrics)

    def close(self) -> None:
        """End all runs."""
        for run in self.runs.values():
            self.client.set_terminated(run)

    def _begun(self, cell: Cell, name: str) -> str:
        title = f"wgbench/{cell.dataset.name}"
        known = self.client.get_experiment_by_name(title)
        experiment = known.experiment_id if known else self.client.create_experiment(title)
        run: str = self.client.create_run(experiment, run_name=name).info.run_id
        params = [Param(key, str(value)) for key, value in facts(cell).items()]
        self.client.log_batch(run, params=params, tags=[RunTag("wgbench.cell", cell.id)])
        return run
