"""What a board lists of a dataset: `<board>/<dataset>-v<V>.json`, schema 1. A pure function of entries and replays.

Rows are in the order of a table: ranked ones, other measured ones, then what papers report. `rank` counts within one
network (backbone with its options and where it starts from), by the mean of `wga_final`, equal means sharing a rank.
A row is ranked if its entry is complete (`partial` is empty), made under the rules of this board, has a final score,
and if one of its seeds was trained again to the whole horizon (level `full`); `unranked` says what it lacks: an entry
that was narrowed is `partial`, one that differs from the dataset's recipe alone has an `other loss`, `other lr`.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from wgbench.config import Mode, Plugin, Record
from wgbench.evaluation.scores import Finite, Score, Scores
from wgbench.results.schema import AlgorithmOf, BackboneOf, Cost, Filed

INDEX = "index.json"
OPEN = 4  # levels of a board's file that have a line per member; deeper ones are written in one line

# The scores of an entry that are a mean over seeds, in the order of the schema.
SCORES = tuple(name for name, field in Scores.model_fields.items() if field.annotation == Score | None)

Level = Literal["schema", "recount", "replay", "full"]
LEVELS: tuple[Level, ...] = ("schema", "recount", "replay", "full")


class Value(Record):
    """A mean over `n` seeds, its 95 % Student-t interval, and the bootstrap over test examples."""

    mean: Finite
    low: Finite | None = None  # None for a single seed
    high: Finite | None = None
    n: int
    bootstrap: tuple[Finite, Finite] | None = None

    @classmethod
    def of(cls, score: Score | None) -> "Value | None":
        """A score without its seeds."""
        return cls(**score.model_dump(exclude={"per_seed"})) if score else None


class Point(Record):
    """One weight decay of the grid: means of the last epochs."""

    weight_decay: Finite
    train_acc: Value | None
    wga: Value | None
    interpolated: bool


class Agreement(Record):
    """How often final model and ERM of the same seed predict the same class on a group; ERM at two seeds beside it."""

    group: str
    agreement: Value | None  # None for a group without test examples
    reference: Finite | None


class Verification(Record):
    """How far the entry was checked and replayed; the seed that was trained again, how far, and with what outcome."""

    level: Level
    seed: int | None = None
    epochs: int | None = None
    exact: bool | None = None  # every count equal; else within the tolerance for other machines
    revision: str | None = None
    date: str | None = None


class Environment(Record):
    """Where an entry was made."""

    wgbench: str | None
    revision: str | None
    torch: str | None
    platform: str | None


class Measured(Record):
    """An entry of the board."""

    kind: Literal["measured"] = "measured"
    rank: int | None  # within its network; None where `unranked` says why
    unranked: str | None
    id: str
    path: str  # the entry's folder, relative to the board's
    label: str = ""  # a name among the rows of its network: the algorithm, and `apart`
    apart: tuple[str, ...] = ()  # what the table must say beside the algorithm: `loss squared`, `epochs 50`
    algorithm: AlgorithmOf
    backbone: BackboneOf
    loss: Plugin
    epochs: int
    recipe: dict[str, JsonValue] | None  # what differs from the dataset's own; None where that is not known here
    mode: Mode
    seeds: tuple[int, ...]
    weight_decays: tuple[float, ...]
    tuning: str  # `default`, `searched(8)`, or `set by hand`
    partial: tuple[str, ...]
    scores: dict[str, Value | None]  # all of SCORES
    wd_curve: tuple[Point, ...] | None
    wd_best_at: Finite | None
    wd_band: int | None  # weight decays that stay within 5 points, of `wd_band_of`
    wd_band_of: int | None
    erm_agreement: tuple[Agreement, ...] | None  # per group
    erm_distance: Finite | None  # share of examples predicted otherwise than by ERM, on the group where it is largest
    weights_settle: dict[str, Finite | None]
    verification: Verification
    baseline: str | None  # id of ERM's entry
    cost: Cost
    environment: Environment
    command: str
    note: str
    submitter: str
    rules: str

    @property
    def name(self) -> str:
        """What it is called among the rows of its network, in older files too."""
        return self.label or self.algorithm.name


class Reported(Record):
    """A row of a published table, for the same dataset: never ranked."""

    kind: Literal["reported"] = "reported"
    source: str
    algorithm: str
    weight_decay: Finite
    early: bool  # means over the early window, else over the last epochs
    inferred: bool  # the weight decay is not stated in the source
    train_acc: Value
    wga: Value


Row = Annotated[Measured | Reported, Field(discriminator="kind")]


class Ground(Record):
    """The dataset: `counts` holds, per split, examples in all (`n`), and per group (`total`) where those are known."""

    name: str
    version: int
    group_names: tuple[str, ...]
    classes: tuple[str, ...]
    counts: dict[str, dict[str, Any]]
    source: str = ""
    licence: str = ""
    citation: str = ""


class Board(Filed):
    """All rows of one dataset."""

    dataset: Ground
    rows: tuple[Row, ...]

    def to_json(self) -> str:
        """The file's content: a line per field of a row and per score."""
        return laid_out(self.model_dump(mode="json", by_alias=True)) + "\n"


class Listed(Record):
    """A board's line in the index."""

    file: str
    dataset: str
    version: int
    ranked: int
    measured: int
    reported: int


class Index(Filed):
    """All boards, in the order of their files: `<board>/index.json`."""

    boards: tuple[Listed, ...]

    def to_json(self) -> str:
        """The file's content: a line per board."""
        return laid_out(self.model_dump(mode="json", by_alias=True), deep=2) + "\n"


def laid_out(value: Any, deep: int = OPEN, indent: str = "") -> str:
    """JSON in ASCII with a line per member, down to some depth; a list of plain values takes one line."""
    inner = indent + " "
    open_ = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict) for v in value))
    if not deep or not value or not open_:
        return json.dumps(value, allow_nan=False)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {laid_out(v, deep - 1, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + laid_out(v, deep - 1, inner) for v in value) + f"\n{indent}]"
