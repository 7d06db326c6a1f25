"""Lists of numbers as Python's callers give them."""

from collections.abc import Iterable
from typing import Any

from wgbench.errors import BadOption

EXAMPLES = {"seeds": 2002, "weight_decays": 0.1}


def numbers(name: str, given: Any) -> tuple[Any, ...] | None:
    """Seeds or weight decays; BadOption for what is no list of them, a single number too."""
    if given is None:
        return None
    example = EXAMPLES[name]
    kind, asked = type(example), f"{name}={given!r}"
    one = given if isinstance(given, int | float) else example
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise BadOption(asked, "not a list", f"give a list: {name}=[{one}]")
    try:
        found = list(given)
        made = tuple(map(kind, found))
    except (TypeError, ValueError, OverflowError):
        raise BadOption(asked, "not a list of numbers", f"give one, as {name}=[{one}]") from None
    if cut := [value for value, whole in zip(found, made, strict=True) if kind is int and float(value) != whole]:
        raise BadOption(asked, f"{cut[0]} is no whole number", f"give whole numbers, as {name}=[{one}]")
    return made
