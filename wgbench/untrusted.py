"""What others wrote, read with limits: a file of so many bytes, UTF-8, plain values that are nested a little.

`Refused` says what is wrong with it; whoever reads turns that into an error of their own, with the file and a remedy.
"""

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

DEEPEST = 64  # lists and objects in each other
WIDEST = 2**63  # integers are smaller, so that every reader can hold them

# Control characters a terminal would obey; tabs and line breaks are text. Halves of characters are none.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Refused(ValueError):
    """Content that is not read; `str()` is what is wrong with it, in one line."""


class Absent(Refused):
    """There is no such file."""


def content(path: Path, largest: int) -> bytes:
    """All bytes of a regular file that has at most `largest`; Refused for others."""
    try:
        if not path.is_file():  # a folder; a device or a pipe, which would never end
            raise Refused("is no file") if path.exists() else Absent("is not there")
        with path.open("rb") as file:
            found = file.read(largest + 1)
    except (OSError, ValueError) as problem:
        if isinstance(problem, Refused):
            raise
        raise Refused(f"cannot be read ({getattr(problem, 'strerror', None) or problem})") from None
    if len(found) > largest:
        raise Refused(f"is larger than {largest / 2**10:g} KiB")
    return found


def text(path: Path, largest: int) -> str:
    """The text of a file in UTF-8, with or without a byte-order mark; Refused for others."""
    try:
        return content(path, largest).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("is no text in UTF-8") from None


def json_value(path: Path, largest: int) -> Any:
    """The value in a JSON file, as `parsed` reads it."""
    return parsed(text(path, largest))


def json_object(path: Path, largest: int) -> dict[str, Any]:
    """The object in a JSON file, as `parsed` reads it; Refused for any other value."""
    found = json_value(path, largest)
    if not isinstance(found, dict):
        raise Refused("holds no JSON object")
    return found


def parsed(written: str) -> Any:
    """A JSON value of finite numbers, integers within 64 bits and text without control characters; Refused else."""
    try:
        value = json.loads(written, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise Refused("holds no JSON (nested too deeply)") from None
    except ValueError as problem:
        raise Refused(f"holds no JSON ({problem})") from None
    check(value)
    return value


def check(value: Any) -> None:
    """Refused for a value that is nested too deeply, or holds a number or a text that is not fit to go on with."""
    level, depth, seen = [value], 0, set[str]()
    while level:
        if depth > DEEPEST:
            raise Refused("is nested too deeply")
        inner: list[Any] = []
        for part in level:
            # The commonest first: an entry holds thousands of numbers, and the same keys again and again.
            if type(part) is float and math.isfinite(part):
                continue
            if isinstance(part, dict):
                inner += [*part, *part.values()]
            elif isinstance(part, list | tuple):
                inner += part
            elif not isinstance(part, str):
                _check_leaf(part)
            elif part not in seen:
                seen.add(part)
                _check_leaf(part)
        level, depth = inner, depth + 1


def _check_leaf(value: Any) -> None:
    if isinstance(value, str):
        if found := UNFIT.search(value):
            raise Refused(f"holds a control character, {found[0]!a}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Refused("holds a number that is not finite")
    elif isinstance(value, int) and abs(value) >= WIDEST:
        raise Refused("holds an integer of more than 64 bits")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    if math.isinf(value := float(digits)):
        raise ValueError(f"{digits[:20]} is too large")
    return value


def is_positive(value: Any) -> bool:
    """Whether a JSON value is an integer above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
