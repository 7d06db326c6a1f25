"""Whether a class that is defined again does something else, although name and version say that it is the same."""

from types import FunctionType
from typing import Any

SAID = (
    "its code is another under the same version; runs that are finished are not trained again: "
    "raise `version` in the class, or choose another name"
)


def unsaid(old: str | type, new: str | type) -> bool:
    """Whether two classes of one version have different code."""
    if not isinstance(old, type) or not isinstance(new, type):
        return False
    return getattr(old, "version", None) == getattr(new, "version", None) and _code(old) != _code(new)


def _code(cls: type) -> dict[str, Any]:
    """What the methods of a class do, wherever they are written."""
    return {name: _parts(f.__code__) for name, f in vars(cls).items() if isinstance(f, FunctionType)}


def _parts(code: Any) -> tuple[Any, ...]:
    constants = [_parts(c) if hasattr(c, "co_code") else repr(c) for c in code.co_consts]
    return code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars
