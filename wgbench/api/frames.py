"""Entries as tables of pandas. Accuracies and scores are fractions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from wgbench.evaluation.scores import Score
from wgbench.plots import series
from wgbench.results.schema import Entry
from wgbench.results.stored import SPLITS, Stored

INTERVAL = ("mean", "low", "high", "n")


def scores(entry: Entry) -> pd.DataFrame:
    """One row per score over seeds: mean, 95 % interval over seeds, number of seeds."""
    found = {name: [getattr(score, column) for column in INTERVAL] for name, score in _scores(entry)}
    return pd.DataFrame.from_dict(found, orient="index", columns=list(INTERVAL)).rename_axis("score")


def per_seed(entry: Entry) -> pd.DataFrame:
    """One row per seed, one column per score."""
    found = {name: {int(seed): value for seed, value in score.per_seed.items()} for name, score in _scores(entry)}
    return pd.DataFrame(found).rename_axis("seed").sort_index()


def weight_decays(entry: Entry) -> pd.DataFrame:
    """One row per weight decay: final train accuracy and final worst-group accuracy on test."""
    points = entry.scores.wd_curve or ()
    rows = [
        {
            "weight_decay": p.weight_decay,
            **{f"train_accuracy_{k}": getattr(p.train_acc, k, None) for k in INTERVAL[:3]},
            **{f"worst_group_{k}": getattr(p.wga, k, None) for k in INTERVAL[:3]},
            "interpolated": p.interpolated,
        }
        for p in points
    ]
    return pd.DataFrame(rows).set_index("weight_decay") if rows else pd.DataFrame()


def curves(stored: Stored) -> pd.DataFrame:
    """One row per seed, weight decay, split and epoch: accuracy, that of the worst group and of each, mean loss.

    Of the last stage that trains. NaN where nothing was scored; 0 from where a run diverged, as it counts.
    """
    names = stored.entry.dataset.group_names
    parts = []
    for (seed, weight_decay), run in stored.curves.items():
        for split in SPLITS:
            part = series.part(run, split)
            columns: dict[str, Any] = {
                "seed": seed,
                "weight_decay": weight_decay,
                "split": split,
                "epoch": np.arange(1, run.epochs + 1),
                "accuracy": series.average(split)(run) / 100,
                "worst_group": series.worst_group(split)(run) / 100,
                "loss": part.acc_loss / part.n,
            }
            groups = {f"accuracy[{name}]": series.group(split, i)(run) / 100 for i, name in enumerate(names)}
            parts.append(pd.DataFrame(columns | groups))
    return pd.concat(parts, ignore_index=True)


def predictions(stored: Stored) -> pd.DataFrame:
    """Predicted class per test example of the cells without weight decay; columns are (moment, seed)."""
    held = {tuple(name.rsplit("-", 1)): classes for name, classes in stored.predictions().items()}
    found = pd.DataFrame({(moment, int(seed)): classes for (moment, seed), classes in held.items()})
    found.columns = pd.MultiIndex.from_tuples(found.columns, names=["moment", "seed"])
    return found.rename_axis("example")


def _scores(entry: Entry) -> Iterator[tuple[str, Score]]:
    for name in type(entry.scores).model_fields:
        if isinstance(score := getattr(entry.scores, name), Score):
            yield name, score
