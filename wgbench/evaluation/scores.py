"""What scores are: records of means over seeds with their intervals, and all that an entry has.

All accuracies are fractions. None stands for what a run cannot give: a window longer than the run, a seed that never
interpolated.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from wgbench.config import Record
from wgbench.evaluation.intervals import student

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Score(Record):
    """A mean over seeds with its 95 % Student-t interval, and beside it the bootstrap over test examples."""

    mean: Finite
    low: Finite | None  # None for a single seed
    high: Finite | None
    n: int = Field(gt=0)
    per_seed: dict[str, Finite]
    bootstrap: tuple[Finite, Finite] | None = None


class Agreement(Record):
    """On one group's test examples: how often model and ERM of the same seed predict the same class.

    `reference` is the agreement of ERM with ERM, mean over pairs of different seeds; None with a single seed. Both are
    None for a group without test examples.
    """

    agreement: Score | None
    reference: Finite | None


class DecayPoint(Record):
    """One weight decay of the grid: means of the last epochs, and whether every seed interpolated at some epoch."""

    weight_decay: Finite
    train_acc: Score | None
    wga: Score | None
    interpolated: bool


class Scores(Record):
    """The scores of an entry: at weight decay 0, unless the name begins with `wd_`. None for what it cannot give."""

    wga_early: Score | None = None
    wga_selected: Score | None = None
    wga_selected_by_acc: Score | None = None
    wga_selected_by_worst_class: Score | None = None
    wga_final: Score | None = None  # what the board ranks by
    val_wga_final: Score | None = None
    selected_epoch: Score | None = None
    interpolation_epoch: Score | None = None
    hold_epoch: Score | None = None
    overfit_drop: Score | None = None
    drop_from_early: Score | None = None
    train_acc_early: Score | None = None
    train_acc_final: Score | None = None
    acc_final: Score | None = None
    acc_train_weighted_final: Score | None = None
    acc_group_mean_final: Score | None = None
    erm_excess_early: Score | None = None
    erm_excess_selected: Score | None = None
    erm_excess_final: Score | None = None
    erm_agreement_final: tuple[Agreement, ...] | None = None  # per group
    wd_curve: tuple[DecayPoint, ...] | None = None  # from the smallest weight decay to the largest
    wd_mean: Score | None = None
    wd_worst: Score | None = None
    wd_best: Score | None = None
    wd_best_at: Finite | None = None  # the weight decay of wd_best
    wd_band: int | None = None
    wd_band_of: int | None = None  # how many weight decays > 0 the grid has


def seed_score(values: Mapping[int, float | None]) -> Score | None:
    """The score of one value per seed; None where one of them is."""
    known = {seed: float(v) for seed, v in values.items() if v is not None}
    if len(known) < len(values):
        return None
    interval = student(known.values())
    per_seed = {str(seed): v for seed, v in known.items()}
    return Score(mean=interval.mean, low=interval.low, high=interval.high, n=interval.n, per_seed=per_seed)
