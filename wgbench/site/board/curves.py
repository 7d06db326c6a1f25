"""Curves for an entry's page: means over seeds with their range, thinned so that a page stays small."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgbench.evaluation.curves import Curves, Floats, SplitCurve
from wgbench.results.stored import SPLITS, Key, Stored

EXACT = 50  # first points that are never thinned: the early window lies there
MOST = 600  # points per curve
BUDGET = 27_000  # points of all curves of a page, at about 15 bytes: mean, low, high
SCALE = 10_000  # values are integers, hundredths of a percent
Bins = list[NDArray[np.int64]]  # epochs, from 1, of each point
Chart = dict[str, Any]

METRICS: tuple[tuple[str, Callable[[SplitCurve], Floats]], ...] = (
    ("worst group", lambda curve: curve.worst_group_acc),
    ("average", lambda curve: curve.acc),
)
SPLIT_NAMES = {"train": "train", "val": "validation", "test": "test"}


def charts(stored: Stored) -> dict[str, Chart]:
    """Data of the charts of one entry, by name; `mass` only where the algorithm's weights were kept."""
    entry = stored.entry
    decays, groups = sorted(entry.protocol.weight_decays), entry.dataset.group_names
    scored = np.any([_scored(c.test, c.diverged_at) for c in stored.curves.values()], axis=0)
    n_series = 6 * len(decays) + 3 * len(groups)
    points = bins(np.flatnonzero(scored) + 1, min(MOST, max(2 * EXACT, BUDGET // n_series)))
    mass = _mass(stored, decays[0])
    found = {
        "accuracy": _accuracy(stored.curves, decays, points),
        "groups": _groups(stored.curves, decays[0], groups, points),
    }
    if not np.isnan(mass).all():
        found["mass"] = _weights(mass, groups, points)
    early, last, horizon = entry.protocol.early, entry.protocol.last, len(scored)
    windows = [
        *([{"from": early[0], "to": early[1], "label": "early"}] if early[1] <= horizon else []),
        *([{"from": horizon - last + 1, "to": horizon, "label": "final"}] if last <= horizon else []),
    ]
    return {name: {**chart, "horizon": horizon, "windows": windows} for name, chart in found.items()}


def bins(epochs: NDArray[np.int64], most: int) -> Bins:
    """Epochs put together to at most `most` points: the first EXACT alone, then runs of nearly equal length."""
    if len(epochs) <= most:
        return list(epochs.reshape(-1, 1))
    return [*epochs[:EXACT].reshape(-1, 1), *np.array_split(epochs[EXACT:], most - EXACT)]


def thinned(values: Floats, points: Bins) -> dict[str, Any]:
    """Mean, and range over seeds and epochs of a point, of (S, E) values; without a range for a single seed."""
    starts = np.cumsum([0, *map(len, points)])[:-1]
    cut = values[:, np.concatenate(points) - 1]
    known = ~np.isnan(cut)
    total, n = (np.add.reduceat(part.sum(axis=0), starts) for part in (np.where(known, cut, 0), known))
    found = {"mean": _whole(np.where(n > 0, total / np.maximum(n, 1), np.nan))}
    if len(values) > 1:
        found |= {
            name: _whole(end.reduceat(end.reduce(cut, axis=0), starts))
            for name, end in (("low", np.fmin), ("high", np.fmax))
        }
    return found


def _whole(values: Floats) -> list[int | None]:
    return [None if np.isnan(value) else round(SCALE * value) for value in values.tolist()]


def _accuracy(curves: Mapping[Key, Curves], decays: Sequence[float], points: Bins) -> Chart:
    series = [
        {"metric": m, "split": s, "wd": w, **thinned(_over_seeds(curves, decay, split, measure), points)}
        for w, decay in enumerate(decays)
        for m, (_, measure) in enumerate(METRICS)
        for s, split in enumerate(SPLITS)
    ]
    facets = [
        _facet("metric", "Accuracy", [name for name, _ in METRICS], on=[0, 1]),
        _facet("split", "Split", [SPLIT_NAMES[split] for split in SPLITS], on=[0, 2]),
        {**_facet("wd", "Weight decay", [f"{decay:g}" for decay in decays], on=[0]), "ramp": True, "prefix": "wd "},
    ]
    return {**_axis(points), "facets": facets, "colour": ["wd", "split", "metric"], "dash": ["metric", "split"]} | {
        "strong": ["metric", 0],
        "top": SCALE,
        "series": series,
    }


def _groups(curves: Mapping[Key, Curves], decay: float, groups: Sequence[str], points: Bins) -> Chart:
    splits = ("train", "test")
    series = [
        {"group": g, "split": s, **thinned(_over_seeds(curves, decay, split, _of_group(g)), points)}
        for g in range(len(groups))
        for s, split in enumerate(splits)
    ]
    facets = [
        _facet("group", "Group", groups, on=list(range(len(groups)))),
        _facet("split", "Split", splits, on=[1]),
    ]
    return {**_axis(points), "facets": facets, "colour": ["group"], "dash": ["split"], "strong": ["split", 1]} | {
        "top": SCALE,
        "series": series,
    }


def _weights(mass: Floats, groups: Sequence[str], points: Bins) -> Chart:
    series = [{"group": g, **thinned(mass[:, :, g], points)} for g in range(len(groups))]
    highest = max((v for s in series for v in (s.get("high") or s["mean"]) if v is not None), default=SCALE)
    facets = [_facet("group", "Group", groups, on=list(range(len(groups))))]
    return {**_axis(points), "facets": facets, "colour": ["group"], "dash": [], "strong": None} | {
        "top": -(-highest // 1000) * 1000 or 1000,
        "series": series,
    }


def _facet(key: str, label: str, options: Sequence[str], on: list[int]) -> dict[str, Any]:
    return {"key": key, "label": label, "options": list(options), "on": on}


def _axis(points: Bins) -> dict[str, list[int]]:
    return {"first": [int(epochs[0]) for epochs in points], "last": [int(epochs[-1]) for epochs in points]}


def _of_group(group: int) -> Callable[[SplitCurve], Floats]:
    return lambda curve: curve.group_acc[:, group]


def _over_seeds(
    curves: Mapping[Key, Curves], decay: float, split: str, measure: Callable[[SplitCurve], Floats]
) -> Floats:
    """A measure at every epoch, (S, E); NaN where nothing was scored."""
    rows = []
    for (_, weight_decay), run in curves.items():
        if weight_decay == decay:
            curve: SplitCurve = getattr(run, split)
            rows.append(np.where(_scored(curve, run.diverged_at), measure(curve), np.nan))
    return np.array(rows)


def _scored(curve: SplitCurve, diverged_at: int | None) -> NDArray[np.bool_]:
    """Whether an epoch has counts, (E,): it was evaluated, or counts as 0 after a divergence."""
    after = np.arange(1, len(curve.acc_correct) + 1) >= (diverged_at or np.inf)
    return np.asarray((curve.predicted.sum(axis=1) > 0) | after)


def _mass(stored: Stored, decay: float) -> Floats:
    """Share of the weights that each training group got, (S, E, G)."""
    seeds = [cell.seed for cell in stored.entry.cells if cell.weight_decay == decay and cell.diverged_at != 1]
    return np.array([stored.mass(seed, decay) for seed in seeds] or np.full((1, 1, 1), np.nan))
