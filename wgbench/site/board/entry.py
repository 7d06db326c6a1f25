"""What an entry's page says beside its curves: scores, groups, runs, recipe, and how to check all of it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wgbench.evaluation.curves import Floats
from wgbench.evaluation.intervals import student
from wgbench.evaluation.scores import Agreement, Scores
from wgbench.results.board import Measured, Value
from wgbench.results.lack import lack
from wgbench.results.stored import Stored
from wgbench.site.board import numbers, rows, words

Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class ScoreLine:
    """A score of the entry, with its definition."""

    name: str
    word: words.Word
    value: Value | None
    bar: rows.Bar | None


@dataclass(frozen=True)
class GroupLine:
    """One group: examples, test accuracy early and at the end, agreement with ERM there."""

    name: str
    train: int
    test: int
    early: Value | None
    final: Value | None
    final_train: Value | None
    agreement: Value | None
    reference: float | None


def score_lines(scores: Scores) -> list[ScoreLine]:
    """Every score that the site has words for, in their order."""
    found = []
    for name, word in words.SCORES.items():
        value = Value.of(getattr(scores, name))
        found.append(ScoreLine(name, word, value, rows.bar(value) if value and word.unit == "share" else None))
    return found


def group_lines(stored: Stored) -> list[GroupLine]:
    """Accuracies per group without weight decay, or with the smallest there is; means of epochs, then over seeds."""
    entry, decay = stored.entry, min(stored.entry.protocol.weight_decays)
    runs = [run for (_, weight_decay), run in stored.curves.items() if weight_decay == decay]
    (first, end), last = entry.protocol.early, entry.protocol.last
    windows = {"early": slice(first - 1, end), "final": slice(-last, None)}
    fits = {"early": end <= runs[0].epochs, "final": last <= runs[0].epochs}

    def mean(split: str, when: str) -> list[Value | None]:
        """A value per group, over seeds."""
        if not fits[when]:
            return [None] * len(entry.dataset.group_names)
        per_seed = np.array([getattr(run, split).group_acc[windows[when]].mean(axis=0) for run in runs])  # (S, G)
        return [_over_seeds(column) for column in per_seed.T]

    agreements = entry.scores.erm_agreement_final or (Agreement(agreement=None, reference=None),) * len(
        runs[0].test.total
    )
    columns = zip(
        entry.dataset.group_names,
        runs[0].train.total.tolist(),
        runs[0].test.total.tolist(),
        mean("test", "early"),
        mean("test", "final"),
        mean("train", "final"),
        [Value.of(a.agreement) for a in agreements],
        [a.reference for a in agreements],
        strict=True,
    )
    return [GroupLine(*line) for line in columns]


def recipe(stored: Stored) -> Facts:
    """How one model was trained, and what was varied."""
    entry = stored.entry
    return [
        ("options", _options(entry.algorithm.options)),
        ("network", f"{entry.backbone.name}, {entry.backbone.start}"),
        ("its options", _options(entry.backbone.options)),
        (
            "parameters",
            f"{entry.backbone.parameters:,}, {numbers.ratio(entry.backbone.parameters_per_example)} per example",
        ),
        ("loss", f"{entry.loss.name} {_bracketed(entry.loss.options)}".strip()),
        *_recipe_facts(entry.recipe.model_dump(mode="json")),
        ("weight decays", ", ".join(f"{decay:g}" for decay in entry.protocol.weight_decays)),
        ("seeds", ", ".join(map(str, entry.protocol.seeds))),
        ("early window", "epochs {} to {}".format(*entry.protocol.early)),
        ("last epochs", str(entry.protocol.last)),
        ("dataset options", _options(entry.dataset.options)),
    ]


def departures(partial: Sequence[str]) -> list[tuple[str, list[str]]]:
    """(kind of departure from the rules, its lines) of an entry, without kinds that it has none of."""
    found = [(word, [line for line in partial if lack(line).kind == kind]) for kind, word in words.DEPARTURES.items()]
    return [(word, lines) for word, lines in found if lines]


def surroundings(stored: Stored) -> Facts:
    """Where it ran, how the numbers were computed, and what it cost."""
    entry = stored.entry
    plain = [(k, _shown(v)) for k, v in sorted(entry.environment.items()) if k != "packages"]
    packages = entry.environment.get("packages") or {}
    return [
        *plain,
        *((f"{name}", str(version)) for name, version in sorted(packages.items())),
        ("mode", _options(entry.mode.model_dump(mode="json"))),
        ("time of all runs", numbers.duration(entry.cost.seconds)),
        ("speed", f"{entry.cost.images_per_second:,.0f} examples a second"),
    ]


def checks(row: Measured, stored: Stored) -> list[tuple[str, str]]:
    """(what it does, command), for somebody with a copy of the board."""
    where = shlex.quote(f"leaderboards/{row.path}")
    seed = stored.entry.protocol.seeds[0]
    return [
        ("recount the scores from the files", f"wgbench leaderboard check {where}"),
        ("train one seed again for 20 epochs, and compare its counts", f"wgbench replay {where} --seed {seed}"),
        ("to the full horizon", f"wgbench replay {where} --seed {seed} --epochs all"),
    ]


def _over_seeds(values: Floats) -> Value | None:
    if np.isnan(values).any():
        return None
    interval = student(values.tolist())
    return Value(mean=interval.mean, low=interval.low, high=interval.high, n=interval.n)


def _recipe_facts(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if name not in ("loss", "loss_options", "weight_decay"):  # the loss has its line, the grid too
            yield name.replace("_", " "), _options(value) if isinstance(value, dict) else _shown(value)


def _options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in options.items()) or "none"


def _bracketed(options: Mapping[str, Any]) -> str:
    return f"({_options(options)})" if options else ""


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(_shown(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
