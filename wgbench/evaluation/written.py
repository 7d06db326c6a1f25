"""Shares and their intervals as text: in percent with one decimal, as every table and page shows them."""

from typing import Protocol


class Spread(Protocol):
    """A mean with its two-sided interval, symmetric around it; no bounds where there is a single value."""

    @property
    def mean(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float | None: ...  # noqa: D102
    @property
    def high(self) -> float | None: ...  # noqa: D102


def percent(share: float | None, signed: bool = False, none: str = "-") -> str:
    """A share in percent, `70.9`; `none` for None. What rounds to zero has no sign."""
    if share is None:
        return none
    text = f"{100 * share:{'+' if signed else ''}.1f}"
    return "0.0" if float(text) == 0 else text


def half(spread: Spread | None) -> str:
    """Half the width of the interval in percent, `1.6`; empty where there is none."""
    if spread is None or spread.low is None or spread.high is None:
        return ""
    return percent((spread.high - spread.low) / 2)


def spread(found: Spread | None, sign: str = " ± ", signed: bool = False, none: str = "-") -> str:
    """`70.9 ± 1.6`; without the second where there is one seed, `none` where there is nothing."""
    if found is None:
        return none
    return sign.join(filter(None, (percent(found.mean, signed), half(found))))
