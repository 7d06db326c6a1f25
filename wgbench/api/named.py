"""From a plug-in as `make` builds it back to its name and options."""

from typing import Any

import wgbench
from wgbench import options
from wgbench.errors import UnknownName
from wgbench.registry import Info, plural


def named(kind: str, given: Any) -> tuple[str, dict[str, Any]]:
    """The name, and the options that differ from the defaults as settings of a request; a name stands for itself."""
    if isinstance(given, str):
        return given, {}
    cls, kinds = type(given), plural(kind, kind)
    registry = getattr(wgbench, kinds).registry
    row = next((row for row in map(registry.listing, registry.names()) if _is(row, cls)), None)
    if row is None:
        remedy = f"register its class: wgbench.{kinds}.register('mine', {cls.__name__})"
        raise UnknownName(f"{kind} {given!r}", "its class has no name", remedy)
    head, colon, field = row.name.partition(":")
    takes = field.strip("<>")
    name = f"{head}:{getattr(given, takes)}" if colon else row.name
    usual, prefix = options.defaults(cls), "" if kind == "algorithm" else f"{kind}."
    held = {k: v for k, v in options.dump(given).items() if k != takes and (k not in usual or v != usual[k])}
    return name, {prefix + k: v for k, v in held.items()}


def _is(row: Info, cls: type) -> bool:
    return row.target is cls or row.target == f"{cls.__module__}:{cls.__qualname__}"
