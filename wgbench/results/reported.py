"""Numbers that a paper reports: listed beside measured ones, never mixed with them."""

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, JsonValue

from wgbench.config import Recipe, Record

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
FILE = Path(__file__).with_name("reported.yaml")


class Reported(Record):
    """One cell of a published table: means over `n` seeds with half-widths of their 95 % intervals, as fractions.

    `early` rows are means over the early window, the others over the last epochs.
    """

    source: str
    dataset: str
    algorithm: str
    weight_decay: float
    early: bool = False
    inferred: bool = False  # whether the weight decay is inferred, not stated
    n: int
    train_acc: Share
    train_acc_half: Share
    wga: Share
    wga_half: Share


class Setting(Record):
    """How the models of a published table were trained: the recipe but for weight decay, and stated options."""

    dataset: str
    backbone: str
    seeds: tuple[int, ...]
    recipe: Recipe
    options: dict[str, dict[str, JsonValue]] = {}  # by algorithm


@cache
def settings() -> tuple[Setting, ...]:
    """The setting of every table, one per dataset."""
    return tuple(Setting(dataset=table["dataset"], **table["setting"]) for table in _tables())


@cache
def rows() -> tuple[Reported, ...]:
    """Every reported row that comes with the package, in the order of its table."""
    found = []
    for table in _tables():
        common = {"source": table["source"], "dataset": table["dataset"], "n": table["seeds"]}
        for line in table["rows"]:
            where = {k: line[k] for k in ("weight_decay", "early", "inferred") if k in line}
            for algorithm in (name for name in line if name not in where):
                numbers = [round(v / 100, 6) for v in line[algorithm]]
                fields = dict(zip(("train_acc", "train_acc_half", "wga", "wga_half"), numbers, strict=True))
                found.append(Reported(**common, **where, algorithm=algorithm, **fields))
    return tuple(found)


def _tables() -> list[dict[str, Any]]:
    import yaml

    found: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found
