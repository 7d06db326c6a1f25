"""What a search may draw for a hyper-parameter: a range, as a function from [0, 1) to values."""

import math
from dataclasses import dataclass
from typing import Any

DIGITS = 3  # significant ones of a drawn number: it is written in entries and on command lines


@dataclass(frozen=True)
class Uniform:
    """Numbers from `low` to `high`, all equally likely."""

    low: float
    high: float

    def at(self, u: float) -> float:
        """The value at a share `u` of the range."""
        return _rounded(self.low + u * (self.high - self.low))

    def __str__(self) -> str:
        return f"uniform from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class LogUniform:
    """Positive numbers from `low` to `high`, all orders of magnitude equally likely."""

    low: float
    high: float

    def at(self, u: float) -> float:
        """The value at a share `u` of the range of logarithms."""
        return _rounded(math.exp(math.log(self.low) + u * math.log(self.high / self.low)))

    def __str__(self) -> str:
        return f"log-uniform from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Choices:
    """One of some values, all equally likely."""

    values: tuple[Any, ...]

    def at(self, u: float) -> Any:
        """The value whose share of [0, 1) holds `u`."""
        return self.values[int(u * len(self.values))]

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.values))}"


Range = Uniform | LogUniform | Choices


def _rounded(value: float) -> float:
    """Few digits: the same on platforms whose logarithms differ in the last one."""
    return float(f"{value:.{DIGITS}g}")
