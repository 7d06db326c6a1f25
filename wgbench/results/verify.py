"""Does a cell that was trained again agree with what an entry states?

Two rules. `exact`: every count is equal. It holds where processor, platform, packages and threads agree, since every
draw follows from the seed. `tolerance`, for other machines: where sums are added up in another order, rounding moves
examples that lie on the decision boundary. Over the first FIRST epochs of each stage the correct count of a group may
differ by max(3, share x group), the share being 2 % for fp32 and fp64 and 8 % for tf32 and bf16. On colored-digits,
fp64 instead of fp32 moved at most 1 example of a group over 300 epochs, bf16 instead of fp32 at most 10 of 153 (6.5 %).
Later epochs are shown and not judged, since differences grow in training that is long and chaotic; over the whole
horizon the scores that are means over epochs, and the share of predictions that agree, are held to the same share.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wgbench.config import EARLY, Mode, Record
from wgbench.results.schema import Entry
from wgbench.results.stored import Place

Rule = Literal["exact", "tolerance"]
Counts = Mapping[Place, Sequence[int]]  # correct predictions per group
FIRST = EARLY[1]  # epochs of each stage that are judged by the tolerance
FEWEST = 3  # examples that may always differ
SHARES = {"fp64": 0.02, "fp32": 0.02, "tf32": 0.08, "bf16": 0.08}
SURROUNDINGS = ("platform", "device", "threads", "deterministic")
CHANCE = "a GPU without --deterministic"
VERIFIED = "verified"
MEANS = ("wga_early", "wga_final", "acc_final", "train_acc_early", "train_acc_final")  # over epochs: smooth


@dataclass(frozen=True)
class Difference:
    """A number that is not as stated, None where one side lacks it; `allowed` is how far the tolerance lets it go."""

    where: str
    stated: float | None
    found: float | None
    allowed: float

    def __str__(self) -> str:
        return f"{self.where}: stated {_shown(self.stated)}, found {_shown(self.found)}"

    @property
    def size(self) -> float:
        """How far apart the two are; infinitely where one is missing."""
        return math.inf if self.stated is None or self.found is None else abs(self.stated - self.found)


@dataclass(frozen=True)
class Verdict:
    """The outcome of a comparison, under a rule."""

    rule: Rule
    epochs: int  # of all stages, compared
    largest: Difference | None  # in counts; None where all are equal
    broken: Difference | None  # the first that the rule does not allow
    exact: bool  # whether everything that was compared is equal

    @property
    def reproduced(self) -> bool:
        """Whether the rule allows all differences."""
        return self.broken is None

    def __str__(self) -> str:
        if self.broken is not None:
            return f"not reproduced: {self.broken}"
        return "reproduced exactly" if self.exact else "reproduced within tolerance"


@dataclass(frozen=True)
class Whole:
    """What a finished cell has beside counts: scores, and predicted classes by moment."""

    scores: Mapping[str, float | int | bool | None]
    predictions: Mapping[str, NDArray[np.int16]]  # (N,) each


@dataclass(frozen=True)
class Ground:
    """What is compared: names of the groups, their sizes per split, and the precision."""

    group_names: tuple[str, ...]
    total: Mapping[str, Sequence[int]]
    mode: Mode

    @property
    def share(self) -> float:
        """How much of a group the tolerance allows."""
        return SHARES[self.mode.precision]


class Verification(Record):
    """What a board keeps of a replay: `<board>/verified/<entry id>.json`."""

    level: Literal["replay", "full"]
    seed: int
    epochs: int
    exact: bool
    revision: str | None
    date: str
    files: dict[str, str]  # SHA-256 of the curves and predictions that it was compared with: it speaks of no others


def recorded(board: Path, entry: Entry) -> Verification | None:
    """The replay that a board has of an entry with these files; None where there is none, or none that is readable."""
    try:
        found = Verification.model_validate_json((board / VERIFIED / f"{entry.id}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if found.files == entry.files else None


def elsewhere(stated: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Why counts need not be equal: what differs between two environments, or leaves rounding to chance."""
    differing = [name for name in SURROUNDINGS if stated.get(name) != found.get(name)]
    ours, theirs = stated.get("packages") or {}, found.get("packages") or {}
    differing += [name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)]
    on_cpu = str(found.get("device")).endswith("(CPU)")
    return differing if on_cpu or found.get("deterministic") else [*differing, CHANCE]


def compare(
    stated: Counts, found: Counts, ground: Ground, rule: Rule, whole: tuple[Whole, Whole] | None = None
) -> Verdict:
    """Judge counts, and of a finished cell (stated, found) its scores and predictions too."""
    places = {*stated, *found}
    counted = [d for place in sorted(places, key=_moment) for d in _counts(place, stated, found, ground)]
    differing = [*counted, *(_ends(*whole, ground.share) if whole else ())]
    return Verdict(
        rule=rule,
        epochs=len({place[:2] for place in places}),
        largest=max(counted, key=lambda d: d.size, default=None),
        broken=next((d for d in differing if rule == "exact" or d.size > d.allowed), None),
        exact=not differing,
    )


def _counts(place: Place, stated: Counts, found: Counts, ground: Ground) -> Iterator[Difference]:
    """Groups whose counts differ at one place, or the whole place where one side lacks it."""
    stage, epoch, split = place
    where = f"stage {stage}, epoch {epoch}, {split}"
    if place not in stated or place not in found:
        a, b = (sum(side[place]) if place in side else None for side in (stated, found))
        yield Difference(f"{where}, correct in all groups", a, b, 0)
        return
    for name, size, a, b in zip(ground.group_names, ground.total[split], stated[place], found[place], strict=True):
        if a != b:
            allowed = max(FEWEST, ground.share * size) if epoch <= FIRST else math.inf
            yield Difference(f"{where}, group {name}", a, b, allowed)


def _ends(stated: Whole, found: Whole, share: float) -> Iterator[Difference]:
    """Scores and predictions that differ. The tolerance holds means over epochs to the share, no others."""
    for name, score in stated.scores.items():
        if score != found.scores.get(name):
            yield Difference(name, score, found.scores.get(name), share if name in MEANS else math.inf)
    for moment in sorted({*stated.predictions, *found.predictions}):
        a, b = stated.predictions.get(moment), found.predictions.get(moment)
        where = f"{moment} predictions that agree"
        if a is None or b is None or len(a) != len(b):
            yield Difference(where, None if a is None else len(a), None if b is None else len(b), 0)
        elif other := int((a != b).sum()):
            yield Difference(where, len(a), len(a) - other, _free(moment) or max(FEWEST, share * len(a)))


def _free(moment: str) -> float:
    """The selected epoch is a maximum, and may jump: its predictions are not held to anything."""
    return math.inf if moment == "selected" else 0


def _moment(place: Place) -> tuple[int, int, int]:
    return (*place[:2], ("train", "val", "test").index(place[2]))


def _shown(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
