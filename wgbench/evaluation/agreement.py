"""How often a model and ERM of the same seed predict the same class."""

from collections.abc import Mapping
from itertools import combinations
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgbench.evaluation.intervals import Bools
from wgbench.evaluation.scores import Agreement, seed_score

Classes = NDArray[np.integer[Any]]


def erm_agreement(
    predictions: Mapping[int, Classes], erm: Mapping[int, Classes], columns: Bools
) -> tuple[Agreement, ...]:
    """Agreement with ERM per group, from predicted classes (N,) by seed and membership (N, G).

    A negative class, of a diverged model, agrees with nothing. ValueError where ERM lacks a seed.
    """
    if missing := predictions.keys() - erm.keys():
        raise ValueError(f"no predictions of ERM for seeds {sorted(missing)}")
    same = {seed: _agree(predictions[seed], erm[seed]) for seed in predictions}
    pairs = [_agree(erm[a], erm[b]) for a, b in combinations(sorted(erm), 2)]
    return tuple(_agreement_in(same, pairs, column) for column in columns.T)


def _agree(a: Classes, b: Classes) -> Bools:
    return np.asarray((a == b) & (a >= 0))


def _agreement_in(same: Mapping[int, Bools], pairs: list[Bools], column: Bools) -> Agreement:
    """Agreement on the members of one group, `column` (N,)."""
    if not column.any():
        return Agreement(agreement=None, reference=None)
    reference = mean(float(pair[column].mean()) for pair in pairs) if pairs else None
    return Agreement(agreement=seed_score({s: float(v[column].mean()) for s, v in same.items()}), reference=reference)
