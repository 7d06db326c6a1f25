"""Predictions per example as a table for people: names of classes and groups, a column per moment and seed."""

from pathlib import Path

import numpy as np
import pandas as pd

from wgbench import backbones
from wgbench.launch.work import made
from wgbench.replay import data_of
from wgbench.results.predictions import NONE
from wgbench.results.stored import Stored
from wgbench.types import Split


def test_split(entry: Stored, data: Path | None) -> Split:
    """The test split of an entry's data; MissingData where it is not at hand, BadData where it is other data."""
    _, dataset, root = data_of(entry, data)
    return dataset.load(root, "test", made(backbones.registry, entry.entry.backbone).preprocess())


def table(entry: Stored, truth: Split | None) -> pd.DataFrame:
    """A row per test example: `index`, `label` and `group` where the data is at hand, then `<moment>-<seed>`.

    Classes are named; `none` where training had diverged. An example of several groups has their names, `|` between.
    """
    classes, groups = entry.entry.dataset.classes, entry.entry.dataset.group_names
    held = entry.predictions()
    found: dict[str, object] = {"index": np.arange(entry.shape.examples)}
    if truth is not None:
        found["label"] = np.array(classes)[truth.label.numpy()]
        found["group"] = ["|".join(np.array(groups)[row]) for row in truth.columns.numpy()]
    names = np.array([*classes, NONE])  # a class of -1 is the last
    return pd.DataFrame(found | {column: names[predicted] for column, predicted in held.items()})
