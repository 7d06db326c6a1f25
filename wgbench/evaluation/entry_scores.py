"""From the scores of an entry's cells to the entry's own: over seeds, and along the grid of weight decays."""

from collections.abc import Callable, Iterable, Mapping
from statistics import mean
from typing import Any

from wgbench.config import Protocol
from wgbench.evaluation.cell_scores import CellScores, minus
from wgbench.evaluation.scores import DecayPoint, Score, Scores, seed_score

BAND = 0.05  # wd_band: how far below wga_selected a weight decay may end
ROUNDING = 1e-9  # a difference of exactly BAND counts, whatever float64 makes of it


def entry_scores(
    cells: Mapping[tuple[int, float], CellScores], protocol: Protocol, baseline: Mapping[int, CellScores] | None = None
) -> Scores:
    """Scores over the protocol's seeds and grid, from those of its cells, keyed by (seed, weight decay).

    `baseline` holds ERM's cells without weight decay, by seed. A score is None where one of its seeds has none; so is
    what the protocol leaves out: weight decay 0, a grid, ERM at one of the seeds. ValueError for a missing cell.
    """
    grid = {
        weight_decay: {seed: _cell(cells, seed, weight_decay) for seed in protocol.seeds}
        for weight_decay in sorted(protocol.weight_decays)
    }
    found: dict[str, Any] = {}
    if 0 in grid:
        found |= {name: _over_seeds(grid[0], name) for name in Scores.model_fields.keys() & grid[0][protocol.seeds[0]]}
        found |= _excess(grid[0], baseline or {})
    if len(grid) > 1:
        found |= _along_grid(grid)
    return Scores.model_validate(found)


def in_band(final: float, selected: float) -> bool:
    """Whether a weight decay's final worst-group accuracy counts for `wd_band`, given `wga_selected`; fractions."""
    return final >= selected - BAND - ROUNDING


def _cell(cells: Mapping[tuple[int, float], CellScores], seed: int, weight_decay: float) -> CellScores:
    if (seed, weight_decay) not in cells:
        raise ValueError(f"no cell for seed {seed} and weight decay {weight_decay}")
    return cells[seed, weight_decay]


def _over_seeds(cells: Mapping[int, CellScores], name: str) -> Score | None:
    return seed_score({seed: cell[name] for seed, cell in cells.items()})


def _excess(plain: Mapping[int, CellScores], erm: Mapping[int, CellScores]) -> dict[str, Score | None]:
    """What is left after ERM's score of the same seed; nothing where ERM lacks a seed."""
    if not plain.keys() <= erm.keys():
        return {}
    return {
        f"erm_excess_{moment}": seed_score(
            {s: minus(plain[s][f"wga_{moment}"], erm[s][f"wga_{moment}"]) for s in plain}
        )
        for moment in ("early", "selected", "final")
    }


def _along_grid(grid: Mapping[float, Mapping[int, CellScores]]) -> dict[str, Any]:
    """The `wd_` scores of a grid in ascending order; those that compare with weight decay 0 only where it is there."""
    found: dict[str, Any] = {"wd_curve": tuple(_point(wd, cells) for wd, cells in grid.items())}
    decayed = {weight_decay: cells for weight_decay, cells in grid.items() if weight_decay > 0}
    found |= _best(decayed)
    if 0 in grid:
        found |= {"wd_mean": _per_seed(grid, mean), "wd_worst": _per_seed(grid, min), **_band(grid[0], decayed)}
    return found


def _point(weight_decay: float, cells: Mapping[int, CellScores]) -> DecayPoint:
    return DecayPoint(
        weight_decay=weight_decay,
        train_acc=_over_seeds(cells, "train_acc_final"),
        wga=_over_seeds(cells, "wga_final"),
        interpolated=all(cell["interpolation_epoch"] is not None for cell in cells.values()),
    )


def _best(decayed: Mapping[float, Mapping[int, CellScores]]) -> dict[str, Any]:
    """Test score at the weight decay with the best mean on val, the smallest on ties."""
    on_val = {weight_decay: _over_seeds(cells, "val_wga_final") for weight_decay, cells in decayed.items()}
    means = {weight_decay: score.mean for weight_decay, score in on_val.items() if score is not None}
    if len(means) < len(decayed):
        return {}
    at = max(means, key=lambda weight_decay: means[weight_decay])
    return {"wd_best": _over_seeds(decayed[at], "wga_final"), "wd_best_at": at}


def _per_seed(
    grid: Mapping[float, Mapping[int, CellScores]], combine: Callable[[Iterable[float]], float]
) -> Score | None:
    """A statistic of final worst-group accuracy over the grid, per seed."""
    finals: dict[int, float | None] = {}
    for seed in next(iter(grid.values())):
        values = [cells[seed]["wga_final"] for cells in grid.values()]
        known = [float(v) for v in values if v is not None]
        finals[seed] = combine(known) if len(known) == len(values) else None
    return seed_score(finals)


def _band(plain: Mapping[int, CellScores], decayed: Mapping[float, Mapping[int, CellScores]]) -> dict[str, int]:
    """How many weight decays stay within BAND of what selection reaches without any."""
    selected = _over_seeds(plain, "wga_selected")
    finals = [score for cells in decayed.values() if (score := _over_seeds(cells, "wga_final")) is not None]
    if selected is None or len(finals) < len(decayed):
        return {}
    within = sum(in_band(score.mean, selected.mean) for score in finals)
    return {"wd_band": within, "wd_band_of": len(decayed)}
