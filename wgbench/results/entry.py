"""From finished runs to a leaderboard entry: scores, curves and predictions of all its cells in one folder."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wgbench.config import Cell, Mode, Plugin, Protocol, Recipe, Record
from wgbench.disk import write_whole, writing
from wgbench.evaluation.agreement import erm_agreement
from wgbench.evaluation.cell_scores import cell_scores
from wgbench.evaluation.entry_scores import entry_scores
from wgbench.evaluation.intervals import bootstrap_worst_group
from wgbench.evaluation.scores import Scores
from wgbench.results import schema
from wgbench.results.columns import curves_table, predictions_table
from wgbench.results.finished import Classes, Run


class Subject(Record):
    """What an entry is about; its hash is the entry's id. `recipe.weight_decay` is 0: the grid is the protocol's."""

    dataset: Plugin
    backbone: Plugin
    algorithm: Plugin
    loss: Plugin
    recipe: Recipe
    protocol: Protocol
    mode: Mode
    data: str | None = None
    weights: str | None = None

    def cells(self) -> list[Cell]:
        """Every run of the protocol: weight decay 0 first, then along the grid."""
        return [
            Cell(
                dataset=self.dataset,
                backbone=self.backbone,
                algorithm=self.algorithm,
                loss=self.loss,
                recipe=self.recipe.model_copy(update={"weight_decay": weight_decay}),
                seed=seed,
                mode=self.mode,
                data=self.data,
                weights=self.weights,
            )
            for weight_decay in self.protocol.weight_decays
            for seed in self.protocol.seeds
        ]


@dataclass(frozen=True)
class Described:
    """What an entry says beside its scores: all of it JSON values or text."""

    dataset: schema.DatasetOf
    algorithm: schema.AlgorithmOf
    start: str
    partial: tuple[str, ...]
    command: str
    note: str = ""
    tuning: schema.Tuning = field(default_factory=schema.Tuning)


@dataclass(frozen=True)
class Target:
    """The test split as scores need it."""

    label: NDArray[np.int64]  # (N,)
    columns: NDArray[np.bool_]  # (N, G)


def build(
    subject: Subject, found: Sequence[Run], described: Described, target: Target, baseline: "Baseline | None"
) -> tuple[schema.Entry, dict[str, bytes]]:
    """The entry and the content of the files beside it."""
    protocol = subject.protocol
    per_cell = {(r.cell.seed, r.cell.weight_decay): cell_scores(r.curves, protocol.early, protocol.last) for r in found}
    plain = {r.cell.seed: r for r in found if r.cell.weight_decay == 0}
    scores = entry_scores(per_cell, protocol, baseline.scores if baseline else None)
    held = {seed: run.predictions for seed, run in plain.items()}
    erm = baseline.predictions if baseline else None
    scores = scores.model_copy(update=from_predictions(scores, held, target, erm))
    files = {schema.CURVES: curves_table(found), schema.PREDICTIONS: predictions_table(plain)}
    first = found[0]
    parameters, examples = first.result["parameters"], first.result["totals"]["train"]["n"]
    entry = schema.Entry(
        schema=1,
        rules=protocol.rules,
        id=subject.digest(),
        partial=described.partial,
        dataset=described.dataset,
        backbone=schema.BackboneOf(
            **subject.backbone.model_dump(),
            start=described.start,
            parameters=parameters,
            parameters_per_example=parameters / examples,
        ),
        algorithm=described.algorithm,
        loss=subject.loss,
        recipe=subject.recipe,
        protocol=protocol,
        mode=subject.mode,
        data=subject.data,
        weights=subject.weights,
        scores=scores,
        weights_settle=_settled(plain),
        cells=tuple(_cell(r, per_cell[r.cell.seed, r.cell.weight_decay], described.dataset) for r in found),
        baseline=baseline.id if baseline else None,
        environment=first.environment,
        cost=_cost(found),
        command=described.command,
        note=described.note,
        tuning=described.tuning,
        files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    )
    return entry, files


@dataclass(frozen=True)
class Baseline:
    """ERM's runs at weight decay 0 under the same recipe, by seed, and the id of its entry."""

    id: str
    scores: Mapping[int, Mapping[str, Any]]
    predictions: Mapping[int, Classes]


def baseline_of(entry_id: str, found: Sequence[Run], protocol: Protocol) -> Baseline:
    """What excess and agreement scores are measured against."""
    plain = [r for r in found if r.cell.weight_decay == 0]
    return Baseline(
        entry_id,
        {r.cell.seed: cell_scores(r.curves, protocol.early, protocol.last) for r in plain},
        {r.cell.seed: r.predictions["final"] for r in plain if "final" in r.predictions},
    )


def write(store: Path, entry: schema.Entry, files: Mapping[str, bytes]) -> Path:
    """Write the entry's folder, `entry.json` last; the folder."""
    folder = store / "entries" / entry.id
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_whole(folder / name, content)
        write_whole(folder / schema.ENTRY, entry.to_json().encode())
    return folder


def from_predictions(
    scores: Scores,
    held: Mapping[int, Mapping[str, Classes]],
    target: Target,
    erm: Mapping[int, Classes] | None,
) -> dict[str, Any]:
    """Scores that need more than counts: bootstrap intervals, and agreement with ERM.

    From classes by seed and moment, in the order of the protocol's seeds, and ERM's at the end, by seed.
    """
    changed: dict[str, Any] = {}
    for name, moment in (("wga_early", "early"), ("wga_selected", "selected"), ("wga_final", "final")):
        score = getattr(scores, name)
        kept = [predictions[moment] for predictions in held.values() if moment in predictions]
        if score is not None and kept and len(kept) == len(held):
            correct = np.stack(kept) == target.label
            interval = bootstrap_worst_group(correct, target.columns)
            changed[name] = score.model_copy(update={"bootstrap": interval})
    finals = {seed: predictions["final"] for seed, predictions in held.items() if "final" in predictions}
    if erm is not None and finals.keys() <= erm.keys() and finals:
        changed["erm_agreement_final"] = erm_agreement(finals, erm, target.columns)
    return changed


def _settled(plain: Mapping[int, Run]) -> dict[str, float | None]:
    """Assumption 1 over the seeds: the largest change, the smallest weight, the largest share at zero."""

    def over_seeds(name: str, pick: Callable[[Iterable[float]], float]) -> float | None:
        values = [r.result["weights_settle"][name] for r in plain.values()]
        known = [v for v in values if v is not None]
        return pick(known) if known else None

    return {
        "largest_change": over_seeds("largest_change", max),
        "smallest": over_seeds("smallest", min),
        "share_zero": over_seeds("share_zero", max),
    }


def _cell(run: Run, scores: Mapping[str, Any], dataset: schema.DatasetOf) -> schema.CellOf:
    names = ("diverged_at", "collapsed", "selected_epoch", "model", "seconds", "stages", "epochs")
    return schema.CellOf(
        id=run.cell.id,
        seed=run.cell.seed,
        weight_decay=run.cell.weight_decay,
        group=run.group,
        scores=dict(scores),
        totals={split: t for split, t in run.result["totals"].items() if t != dataset.counts[split]},
        notes={k: _brief(v) for k, v in run.result["notes"].items()},
        **{name: run.result[name] for name in names},
    )


def _brief(note: Any) -> Any:
    """A note without its lists of members, which stay in the run folder."""
    return {k: v for k, v in note.items() if k != "members"} if isinstance(note, dict) else note


def _cost(found: Sequence[Run]) -> schema.Cost:
    training = sum(line["seconds"]["train"] for r in found for line in r.lines)
    images = sum(len(r.lines) * r.result["steps_per_epoch"] * r.result["batch_size"] for r in found)
    return schema.Cost(
        seconds=sum(r.result["seconds"] for r in found),
        images_per_second=images / max(training, 1e-9),
        device=str(found[0].environment["device"]),
    )
