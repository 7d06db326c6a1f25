"""Names to plug-ins: built-in tables, entry points of installed packages, and what was registered by hand.

Listing reads metadata only. A plug-in's module is imported when it is asked for by name, so one that is broken
or slow never disturbs the others.
"""

import difflib
import fnmatch
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from typing import Any, Generic, TypeVar

from wgbench import options as opts
from wgbench.errors import BrokenPlugin, NameTaken, UnknownName

T = TypeVar("T")
BUILT_IN = "wgbench"


def normalise(name: str) -> str:
    """The form names are compared in: case and `-`/`_` do not matter up to the first `:`."""
    head, colon, rest = name.partition(":")
    return head.strip().lower().replace("_", "-") + colon + rest


@dataclass(frozen=True)
class Info:
    """One registered name. `owner` is the distribution that provides it, with its version."""

    name: str
    summary: str
    owner: str
    target: str | type


@dataclass(frozen=True)
class Found(Generic[T]):
    """A name resolved: its row, the class, and the options that the name itself carries (`timm:resnet50`)."""

    name: str
    info: Info
    target: type[T]
    given: dict[str, str]


class Registry(Generic[T]):
    """All plug-ins of one kind.

    A row whose name ends in `:<field>` takes the text after the colon as that field: `timm:<name>`.
    """

    def __init__(
        self, kind: str, builtin: Mapping[str, tuple[str, str]], aliases: Mapping[str, str] | None = None
    ) -> None:
        self.kind = kind
        self._builtin = [Info(name, summary, BUILT_IN, target) for name, (target, summary) in builtin.items()]
        self._aliases = dict(aliases or {})
        self._registered: dict[str, Info] = {}

    @cached_property
    def _installed(self) -> list[Info]:
        """Rows of installed packages; metadata only, nothing is imported."""
        if os.environ.get("WGBENCH_PLUGINS") == "0":
            return []
        points = metadata.entry_points(group=f"wgbench.{self.kind}")
        return [Info(normalise(p.name), _summary(p), _owner(p), p.value) for p in points]

    def _rows(self) -> list[Info]:
        return [*self._builtin, *self._installed, *self._registered.values()]

    def names(self, pattern: str = "*") -> list[str]:
        """Registered names that match a shell pattern, built-ins first, as they are listed."""
        wanted = normalise(pattern)
        return list(dict.fromkeys(i.name for i in self._rows() if fnmatch.fnmatchcase(i.name, wanted)))

    def listing(self, name: str) -> Info:
        """The first row of a listed name, whoever else claims it."""
        return next(i for i in self._rows() if i.name == name)

    def info(self, name: str) -> Info:
        """The row behind a name; UnknownName with suggestions, NameTaken if two packages claim it."""
        return self._row(name)[0]

    def find(self, name: str) -> Found[T]:
        """Resolve a name and import its class; BrokenPlugin names the package that cannot be loaded."""
        row, given = self._row(name)
        canonical = row.name if not given else row.name.partition(":")[0] + ":" + next(iter(given.values()))
        return Found(canonical, row, self._load(row), given)

    def make(self, name: str, /, **options: Any) -> T:
        """Build the plug-in: `make("gdro", nu=0.1)`. Options are validated against its fields."""
        found = self.find(name)
        return opts.build(found.target, {**options, **found.given}, f"{self.kind} {found.name}")

    def register(self, name: str, target: str | type[T]) -> None:
        """Add a plug-in for this process; `target` is a class or "module:Class"."""
        key = normalise(name)
        claimed = next((i for i in self._rows() if i.name == key), None)
        if claimed is not None and claimed.target is not target:
            raise NameTaken(f"register {self.kind} {name!r}", f"{claimed.owner} has that name", "choose another name")
        self._registered[key] = Info(key, _first_line(target), "this program", target)

    def registered(self) -> dict[str, str | type]:
        """What `register` added: worker processes need it, since they start from nothing."""
        return {name: info.target for name, info in self._registered.items()}

    def _row(self, name: str) -> tuple[Info, dict[str, str]]:
        asked = normalise(name)
        asked = self._aliases.get(asked, asked)
        head, _, rest = asked.partition(":")
        rows = [i for i in self._rows() if i.name.partition(":")[0] == head]
        if not rows:
            raise self._unknown(name)
        if len({i.owner for i in rows}) > 1:
            owners = " and ".join(sorted({i.owner for i in rows}))
            raise NameTaken(f"{self.kind} {name!r}", f"claimed by {owners}", "uninstall one, or set WGBENCH_PLUGINS=0")
        takes = rows[0].name.partition(":")[2].strip("<>")
        if bool(takes) != bool(rest):
            wrong = f"a {takes} belongs after the colon" if takes else "nothing belongs after the name"
            raise UnknownName(f"{self.kind} {name!r}", wrong, f"write {rows[0].name}")
        return rows[0], {takes: rest} if takes else {}

    def _unknown(self, name: str) -> UnknownName:
        known = [*self._aliases, *self.names()]
        heads = {n.partition(":")[0]: n for n in known}
        close = difflib.get_close_matches(normalise(name).partition(":")[0], heads, n=3, cutoff=0.5)
        guess = f"did you mean {' or '.join(heads[c] for c in close)}?" if close else f"there are {', '.join(known)}"
        return UnknownName(f"{self.kind} {name!r}", "no such name", f"{guess} (`wgbench ls {self.kind}` lists all)")

    def _load(self, row: Info) -> type[T]:
        if isinstance(row.target, type):
            return row.target
        module, _, attribute = row.target.partition(":")
        try:
            target = getattr(import_module(module), attribute)
        except Exception as problem:  # a plug-in may fail in any way: it must be named, and nothing else may suffer
            if row.owner == BUILT_IN and not isinstance(problem, ImportError):
                raise
            raise BrokenPlugin(
                f"{self.kind} {row.name!r} of {row.owner}",
                f"{row.target} cannot be loaded ({type(problem).__name__}: {problem})",
                "mend or uninstall that package; all other names still work",
            ) from problem
        if not isinstance(target, type):
            raise BrokenPlugin(
                f"{self.kind} {row.name!r} of {row.owner}",
                f"{row.target} is no class",
                "let the entry point name a frozen dataclass",
            )
        return target


def _owner(point: metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"


def _summary(point: metadata.EntryPoint) -> str:
    if point.dist is None or "Summary" not in point.dist.metadata:
        return ""
    return point.dist.metadata["Summary"]


def _first_line(target: str | type) -> str:
    return (getattr(target, "__doc__", None) or "").strip().partition("\n")[0] if isinstance(target, type) else ""
