"""What a leaderboard lists: `entry.json`, schema 1."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from wgbench import untrusted
from wgbench.config import Mode, Plugin, Protocol, Recipe, Record
from wgbench.errors import BadEntry
from wgbench.evaluation.scores import Scores
from wgbench.options import first_problem

ENTRY, CURVES, PREDICTIONS = "entry.json", "curves.parquet", "predictions.parquet"
LARGEST = 16 * 2**20  # bytes of an entry.json that will be read

Count = Annotated[int, Field(ge=0)]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]  # a content hash: it names files, and is never a path


if TYPE_CHECKING:
    Totals = dict[str, Any]
else:

    class Totals(TypedDict):
        """Examples of one split: per group, in all, and per class (entries that were written early lack it)."""

        __pydantic_config__ = ConfigDict(extra="forbid")

        total: list[Count]
        class_total: NotRequired[list[Count]]
        n: Count


class DatasetOf(Plugin):
    """The data of an entry: what identifies it, and examples per group and split."""

    fingerprint: str
    group_names: tuple[str, ...]
    classes: tuple[str, ...]
    counts: dict[str, Totals]


class BackboneOf(Plugin):
    """The network: `start` says from what, `parameters_per_example` how overparameterised it is."""

    start: str
    parameters: int
    parameters_per_example: float


class AlgorithmOf(Plugin):
    """The method, the supervision that it needs, and the package that it comes from."""

    needs: tuple[str, ...]
    distribution: str


class CellOf(Record):
    """One run of the entry: its id, how it ended, and the fingerprint of the final parameters."""

    id: str
    seed: int
    weight_decay: float
    diverged_at: int | None
    collapsed: bool
    selected_epoch: int | None
    model: str
    seconds: float
    stages: int = 0  # the number of its last stage, which is scored; 0 in entries that were written before it was kept
    epochs: int = 0  # the horizon of that stage, likewise
    totals: dict[str, Totals] = {}  # of splits that are scored in part: DFR's val
    group: tuple[tuple[int, float], ...] = ()  # seeds and weight decays of what it was trained with, in order
    scores: dict[str, float | int | bool | None]
    notes: dict[str, Any] = {}  # what the algorithm reported: JTT's error set

    @model_serializer(mode="wrap")
    def _serialized(self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:  # noqa: ARG002
        """Cells that were trained by themselves do not speak of a group."""
        content: dict[str, Any] = serialize(self)
        return content if self.group else {k: v for k, v in content.items() if k != "group"}


class Candidate(Record):
    """One configuration of a search: what was drawn, and what it reached on val; None where it could not be trained."""

    options: dict[str, JsonValue]
    cell: str  # the id of its run
    val: float | None  # worst-group accuracy, mean over the last epochs


class Tuning(Record):
    """How hyper-parameters were chosen: the defaults, or the best on val of some configurations, the default first."""

    configurations: int = 0
    selected_on: Literal["default", "val"] = "default"
    seed: int | None = None  # of the search, none of the protocol's
    drawn: tuple[Candidate, ...] = ()
    chosen: int | None = None  # position in `drawn`

    @property
    def label(self) -> str:
        """How a board names it: `default` or `searched(8)`."""
        return f"searched({self.configurations})" if self.configurations else "default"


class Cost(Record):
    """What the entry took: processor-seconds over all cells, and training speed."""

    seconds: float
    images_per_second: float
    device: str


class Filed(Record):
    """What is published as a file of its own: it says by which schema and which rules it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal[1] = Field(1, alias="schema")
    rules: str


class Entry(Filed):
    """One algorithm under one protocol, with scores as fractions."""

    id: Id
    partial: tuple[str, ...]  # what is missing to be complete; empty when complete
    dataset: DatasetOf
    backbone: BackboneOf
    algorithm: AlgorithmOf
    loss: Plugin
    recipe: Recipe
    protocol: Protocol
    mode: Mode
    data: str | None  # fingerprint, where name and version do not pin the data down
    weights: str | None  # SHA-256 of initial weights given as a file
    scores: Scores
    weights_settle: dict[str, float | None]
    cells: tuple[CellOf, ...]
    baseline: Id | None
    tuning: Tuning = Tuning()
    environment: dict[str, Any]
    cost: Cost
    command: str
    note: str = ""
    submitter: str = ""
    files: dict[str, str] = {}

    def to_json(self) -> str:
        """The file's content."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1, allow_nan=False) + "\n"


def read(folder: Path) -> Entry:
    """The entry in a folder; BadEntry says what is wrong with it."""
    asked, remedy = f"entry {folder}", "give a file that wgbench wrote"
    try:
        return parse(untrusted.text(folder / ENTRY, LARGEST))
    except untrusted.Absent:
        raise BadEntry(asked, f"no {ENTRY} there", "give the folder that `wgbench run` printed") from None
    except ValidationError as problem:
        raise BadEntry(asked, first_problem(problem), remedy) from None
    except untrusted.Refused as problem:
        raise BadEntry(asked, f"{ENTRY} {problem}", remedy) from None


def parse(text: str) -> Entry:
    """An entry from the content of its file; ValueError where it is none, or holds what no entry may."""
    return Entry.model_validate(untrusted.parsed(text))


def json_schema() -> str:
    """The JSON Schema of `entry.json`, as text."""
    return json.dumps(Entry.model_json_schema(), indent=1) + "\n"
