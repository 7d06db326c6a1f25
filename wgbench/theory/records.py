"""What a claim comes to: rows with a prediction, a measurement and a verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from wgbench.config import Record

Verdict = Literal["supported", "not supported", "outside the theorem"]
Arrays = Mapping[str, NDArray[Any]]

SUPPORTED: Verdict = "supported"
NOT_SUPPORTED: Verdict = "not supported"
OUTSIDE: Verdict = "outside the theorem"


class Settings(Record):
    """How much is run: `quick` for a minute, else the full sizes; widths and seeds replace those of a claim."""

    quick: bool = False
    widths: tuple[int, ...] = ()
    seeds: int | None = Field(None, ge=2)

    def draws(self, full: int, quick: int) -> int:
        """Number of random draws."""
        return self.seeds or (quick if self.quick else full)


class Row(Record):
    """One measurement. A control violates a condition of the theorem on purpose: it must come out not supported."""

    what: str
    predicted: str
    measured: float | None
    interval: tuple[float, float] | None = None  # 95 %, bootstrap
    verdict: Verdict
    control: bool = False
    note: str = ""


class Finding(Record):
    """All rows of a claim, and what to say about them."""

    claim: str
    title: str
    statement: str
    rule: str
    rows: tuple[Row, ...]
    remarks: tuple[str, ...] = ()
    facts: dict[str, JsonValue] = {}  # sizes, step sizes, what the proof's own bounds would need
    settings: Settings = Settings(seeds=None)
    seconds: float = 0.0  # of processor time
    processor: str = ""

    @property
    def verdict(self) -> Verdict:
        """Supported iff every row that is no control and lies within the theorem is."""
        within = [row.verdict for row in self.rows if not row.control and row.verdict != OUTSIDE]
        if not within:
            return OUTSIDE
        return SUPPORTED if all(v == SUPPORTED for v in within) else NOT_SUPPORTED

    @property
    def controls_fail(self) -> bool:
        """Whether every control came out not supported, as it must."""
        return all(row.verdict == NOT_SUPPORTED for row in self.rows if row.control)


@dataclass(frozen=True)
class Measured:
    """What a claim's measurement returns: rows, remarks, facts, and the numbers that its figure shows."""

    rows: Sequence[Row]
    arrays: Arrays
    remarks: Sequence[str] = ()
    facts: Mapping[str, JsonValue] | None = None


Kept = Callable[[str, Record, Callable[[], Arrays]], Arrays]  # numbers by kind and key, computed once


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, the rule that decides on it, and its measurement."""

    name: str
    title: str
    statement: str
    rule: str
    measure: Callable[[Settings, Kept], Measured]
    version: int = 1  # bump when numbers change
    runs: Callable[[Settings], Sequence[Record]] = lambda _: ()  # long runs that it shares with other claims


def at_most(value: float, bound: float) -> Verdict:
    """Supported iff a number is there and is no larger than a bound."""
    return SUPPORTED if np.isfinite(value) and value <= bound else NOT_SUPPORTED


def at_least(value: float, bound: float) -> Verdict:
    """Supported iff a number is there and is no smaller than a bound."""
    return SUPPORTED if np.isfinite(value) and value >= bound else NOT_SUPPORTED
