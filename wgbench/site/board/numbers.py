"""Numbers as the site shows them: percent with one decimal, the full value beside it."""

import json
import unicodedata

from wgbench.evaluation import written
from wgbench.results.board import Value
from wgbench.site.board.words import Unit

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
HIDDEN = ("Cc", "Cf", "Zl", "Zp")  # control, format, line and paragraph separators
MINUTE, HOUR, DAY = 60, 3600, 86400


def percent(value: float | None, signed: bool = False) -> str:
    """A fraction in percent, `70.9`; a dash for None. What rounds to zero has no sign."""
    return written.percent(value, signed).replace("-", MINUS) if value is not None else DASH


def shown(value: float | None, unit: Unit) -> str:
    """A score in its unit: shares in percent, differences in signed points, epochs as they are."""
    if unit == "epoch":
        return DASH if value is None else f"{value:.1f}".removesuffix(".0")
    return percent(value, signed=unit == "difference")


def half(value: Value | None, unit: Unit = "share") -> str:
    """Half the width of the interval, `1.6`; empty where there is none. Student-t intervals are symmetric."""
    if unit != "epoch" or value is None or value.low is None or value.high is None:
        return written.half(value)
    return f"{(value.high - value.low) / 2:.1f}"


def exact(value: float) -> str:
    """The JSON's own number."""
    return json.dumps(value)


def told(value: Value | None, unit: Unit = "share") -> str:
    """All that is known of a score, in words."""
    if value is None:
        return "none"
    sign = "" if unit == "epoch" else " %"
    parts = [f"mean {exact(value.mean)} over {count(value.n, 'seed')}"]
    if value.low is not None and value.high is not None:
        parts.append(f"95 % interval {shown(value.low, unit)} to {shown(value.high, unit)}{sign}")
    if value.bootstrap is not None:
        low, high = (shown(v, unit) for v in value.bootstrap)
        parts.append(f"over test examples {low} to {high}{sign}")
    return "; ".join(parts)


def duration(seconds: float) -> str:
    """Seconds in the largest unit that leaves at least 1: `73 s`, `2.5 h`."""
    for name, size in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


def ratio(value: float) -> str:
    """Three digits that matter, without an exponent below a billion: `49.9`, `2330`."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def count(n: int, name: str) -> str:
    """`1 seed`, `5 seeds`."""
    return f"{n} {name}{'' if n == 1 else 's'}"


def plain(text: str) -> str:
    """A command to be read before it is run: signs that are not seen, or that turn the direction, are written out."""
    return "".join(f"\\u{ord(sign):04x}" if unicodedata.category(sign) in HIDDEN else sign for sign in text)
