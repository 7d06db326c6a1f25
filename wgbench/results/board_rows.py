"""An entry, or a line of a paper's table, as a row of a board."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wgbench.config import RULES
from wgbench.evaluation.scores import Agreement, DecayPoint
from wgbench.results import board, reported, schema
from wgbench.results.by_hand import by_hand
from wgbench.results.known import Known, known
from wgbench.results.lack import badge
from wgbench.results.trust import OURS
from wgbench.results.verify import Verification

BY_HAND = "set by hand"


@dataclass(frozen=True)
class Placed:
    """An entry of a board: where it lies, relative to the board, and what was recorded of replays."""

    entry: schema.Entry
    path: str
    level: board.Level  # without replays
    replayed: Verification | None


def measured(placed: Placed) -> board.Measured:
    """The row of an entry, not ranked yet."""
    entry, scores = placed.entry, placed.entry.scores
    found, verification = known(entry.dataset, OURS), _verification(placed)
    return board.Measured(
        rank=None,
        unranked=_unranked(entry, verification),
        id=entry.id,
        path=placed.path,
        algorithm=entry.algorithm,
        backbone=entry.backbone,
        loss=entry.loss,
        epochs=entry.recipe.epochs,
        recipe=_recipe(entry, found),
        mode=entry.mode,
        seeds=entry.protocol.seeds,
        weight_decays=entry.protocol.weight_decays,
        tuning=_tuning(entry),
        partial=entry.partial,
        scores={name: board.Value.of(getattr(scores, name)) for name in board.SCORES},
        wd_curve=tuple(map(_point, scores.wd_curve)) if scores.wd_curve else None,
        wd_best_at=scores.wd_best_at,
        wd_band=scores.wd_band,
        wd_band_of=scores.wd_band_of,
        erm_agreement=_agreements(entry),
        erm_distance=_distance(scores.erm_agreement_final),
        weights_settle=entry.weights_settle,
        verification=verification,
        baseline=entry.baseline,
        cost=entry.cost,
        environment=_environment(entry.environment),
        command=entry.command,
        note=entry.note,
        submitter=entry.submitter,
        rules=entry.rules,
    )


def _unranked(entry: schema.Entry, verification: board.Verification) -> str | None:
    """What an entry lacks to be ranked."""
    if entry.partial:
        return badge(entry.partial)
    if entry.rules != RULES:
        return f"made under rules {entry.rules}"
    if entry.scores.wga_final is None:
        return "no final score"
    return None if verification.level == "full" else "no seed was replayed to the whole horizon"


def _verification(placed: Placed) -> board.Verification:
    if placed.replayed is None:
        return board.Verification(level=placed.level)
    return board.Verification(**placed.replayed.model_dump(exclude={"files"}))


def _recipe(entry: schema.Entry, found: Known | None) -> dict[str, Any] | None:
    """Fields of the recipe that are not the dataset's own."""
    if found is None:
        return None
    own, default = (r.model_dump(mode="json") for r in (entry.recipe, found.recipe))
    return {name: value for name, value in own.items() if value != default[name]}


def _tuning(entry: schema.Entry) -> str:
    """How hyper-parameters were chosen; options that differ from the defaults without a search were set by hand."""
    return BY_HAND if by_hand(entry) else entry.tuning.label


def _point(point: DecayPoint) -> board.Point:
    return board.Point(
        weight_decay=point.weight_decay,
        train_acc=board.Value.of(point.train_acc),
        wga=board.Value.of(point.wga),
        interpolated=point.interpolated,
    )


def _agreements(entry: schema.Entry) -> tuple[board.Agreement, ...] | None:
    found = entry.scores.erm_agreement_final
    if found is None:
        return None
    return tuple(
        board.Agreement(group=group, agreement=board.Value.of(a.agreement), reference=a.reference)
        for group, a in zip(entry.dataset.group_names, found, strict=True)
    )


def _distance(found: tuple[Agreement, ...] | None) -> float | None:
    """The largest share over groups on which final model and ERM of the same seed predict different classes."""
    known_groups = [a.agreement.mean for a in found or () if a.agreement is not None]
    return 1 - min(known_groups) if known_groups else None


def _environment(stated: Mapping[str, Any]) -> board.Environment:
    def text(value: Any) -> str | None:
        return value if isinstance(value, str) else None

    packages = stated.get("packages")
    torch = packages.get("torch") if isinstance(packages, dict) else None
    return board.Environment(
        torch=text(torch), **{name: text(stated.get(name)) for name in ("wgbench", "revision", "platform")}
    )


def published(row: reported.Reported) -> board.Reported:
    """The row of what a paper reports."""

    def value(mean: float, half: float) -> board.Value:
        return board.Value(mean=mean, low=round(mean - half, 6), high=round(mean + half, 6), n=row.n)

    return board.Reported(
        **row.model_dump(include={"source", "algorithm", "weight_decay", "early", "inferred"}),
        train_acc=value(row.train_acc, row.train_acc_half),
        wga=value(row.wga, row.wga_half),
    )
