"""The data of an entry as it is on this machine: entries of private data leave its place out."""

from pathlib import Path

from wgbench import datasets
from wgbench.config import Plugin
from wgbench.errors import MissingData
from wgbench.results.schema import DatasetOf


def source_of(dataset: DatasetOf, where: Path | None) -> Plugin:
    """The dataset to make, with the place that the entry does not tell; MissingData where that is needed."""
    kind, _, identity = dataset.name.partition(":")
    takes = datasets.info(dataset.name).name.partition(":")[2].strip("<>")
    if not takes or takes in dataset.options:
        return Plugin(name=dataset.name, version=dataset.version, options=dataset.options)
    if where is None:
        wrong = f"its data is private (fingerprint {identity})"
        raise MissingData(f"entry on {dataset.name}", wrong, "say where it lies: --data-dir PATH")
    return Plugin(name=f"{kind}:{where}", version=dataset.version, options={**dataset.options, takes: str(where)})
