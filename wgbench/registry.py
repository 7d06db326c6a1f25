"""Names to plug-ins: built-in tables, entry points of installed packages, and what was registered by hand.

Listing reads metadata only. A plug-in's module is imported when it is asked for by name, so one that is broken
or slow never disturbs the others.
"""

import dataclasses
import difflib
import fnmatch
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from operator import attrgetter
from typing import Any, Generic, TypeVar

from wgbench import options as opts
from wgbench import recoded
from wgbench.errors import BadOption, BrokenPlugin, NameTaken, UnknownName

T = TypeVar("T")
BUILT_IN = "wgbench"
# What plugs in: registries and folders have the plural, a name of one the singular.
KINDS = {"algorithms": "algorithm", "losses": "loss", "datasets": "dataset", "backbones": "backbone"}
UNNAMED = "an unnamed package"  # whose metadata is gone
PROGRAM = "this program"  # which registered a plug-in by hand
UNKNOWN = "no such name"


def normalise(name: str) -> str:
    """The form names are compared in: case and `-`/`_` do not matter up to the first `:`."""
    head, colon, rest = name.partition(":")
    return head.strip().lower().replace("_", "-") + colon + rest


def plural(asked: str, kind: str) -> str:
    """A kind said in the plural or the singular, in the plural; UnknownName for any other word."""
    found = {**{one: many for many, one in KINDS.items()}, **{many: many for many in KINDS}}.get(kind)
    if found is None:
        close = difflib.get_close_matches(kind, [*KINDS.values(), *KINDS], n=1, cutoff=0.5)
        remedy = f"did you mean {close[0]}?" if close else f"the kinds are {', '.join(KINDS.values())}"
        raise UnknownName(asked, "no such kind", remedy)
    return found


def _head(name: str) -> str:
    return name.partition(":")[0]


@dataclass(frozen=True)
class Info:
    """One registered name. `owner` is the distribution that provides it, with its version."""

    name: str
    summary: str
    owner: str
    target: str | type

    @property
    def distribution(self) -> str:
        """The owner without its version."""
        return self.owner if self.owner in (BUILT_IN, PROGRAM, UNNAMED) else self.owner.partition(" ")[0]


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
        self.one = KINDS.get(kind, kind)
        self._builtin = [Info(name, summary, BUILT_IN, target) for name, (target, summary) in builtin.items()]
        self._aliases = dict(aliases or {})
        self._registered: dict[str, Info] = {}

    @cached_property
    def _installed(self) -> list[Info]:
        """Rows of installed packages; metadata only, nothing is imported."""
        if os.environ.get("WGBENCH_PLUGINS") == "0":
            return []
        points = metadata.entry_points(group=f"wgbench.{self.kind}")
        return [_installed_row(p) for p in points]

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
        canonical = row.name if not given else _head(row.name) + ":" + next(iter(given.values()))
        return Found(canonical, row, self._load(row), given)

    def make(self, name: str, /, **options: Any) -> T:
        """Build the plug-in: `make("gdro", nu=0.1)`. Options are validated against its fields."""
        found = self.find(name)
        for field, value in found.given.items():
            if options.get(field, value) != value:
                wrong = f"its {field} is also given as {options[field]!r}"
                raise BadOption(f"{self.one} {found.name}", wrong, f"write it once, as {found.info.name}")
        return opts.build(found.target, {**options, **found.given}, f"{self.one} {found.name}")

    def register(self, name: str, target: str | type[T]) -> None:
        """Add a plug-in for this process; `target` is a class or "module:Class".

        What the same module had registered is replaced: a notebook's cell is run again, perhaps with another class.
        """
        row, asked = Info(normalise(name), _first_line(target), PROGRAM, target), f"register {self.one} {name!r}"
        rivals = [i for i in self._rows() if _head(i.name) == _head(row.name)]
        others = [i.owner for i in rivals if i.owner != PROGRAM or _module(i.target) != _module(target)]
        if others or row.name in self._aliases:
            owner = others[0] if others else BUILT_IN
            raise NameTaken(asked, f"{owner} has that name", "choose another name")
        for rival in rivals:
            if recoded.unsaid(rival.target, target):
                warnings.warn(f"{asked}: {recoded.SAID}", stacklevel=2)
            del self._registered[rival.name]
        self._registered[row.name] = row

    def registered(self) -> dict[str, str | type]:
        """What `register` added: worker processes need it, since they start from nothing."""
        return {name: info.target for name, info in self._registered.items()}

    def _row(self, name: str) -> tuple[Info, dict[str, str]]:
        asked = normalise(name)
        head, _, rest = self._aliases.get(asked, asked).partition(":")
        # Where `asked` is an alias, a plug-in of that very name is a rival of the row behind the alias.
        rows = [i for i in self._rows() if _head(i.name) in (head, asked)]
        if not rows:
            raise self._unknown(name)
        claims = {(i.owner, i.target) for i in rows}
        if len(claims) > 1:
            owners = " and ".join(sorted(owner for owner, _ in claims))
            raise NameTaken(f"{self.one} {name!r}", f"claimed by {owners}", "uninstall one, or set WGBENCH_PLUGINS=0")
        takes = rows[0].name.partition(":")[2].strip("<>")
        if bool(takes) != bool(rest):
            wrong = f"a {takes} belongs after the colon" if takes else "nothing belongs after the name"
            raise UnknownName(f"{self.one} {name!r}", wrong, f"write {rows[0].name}")
        return rows[0], {takes: rest} if takes else {}

    def _unknown(self, name: str) -> UnknownName:
        known = [*self._aliases, *self.names()]
        heads = {_head(n): n for n in known}
        close = difflib.get_close_matches(_head(normalise(name)), heads, n=3, cutoff=0.5)
        guess = f"did you mean {' or '.join(heads[c] for c in close)}?" if close else f"there are {', '.join(known)}"
        return UnknownName(f"{self.one} {name!r}", UNKNOWN, f"{guess} (`wgbench ls {self.kind}` lists all)")

    def _load(self, row: Info) -> type[T]:
        if isinstance(row.target, type):
            return row.target
        module, _, attribute = row.target.partition(":")
        try:
            target: type[T] = attrgetter(attribute)(import_module(module))
        # A plug-in may fail in any way: it must be named, and nothing else may suffer.
        except (Exception, SystemExit) as problem:
            if row.owner == BUILT_IN and not isinstance(problem, ImportError):
                raise
            raise BrokenPlugin(
                f"{self.one} {row.name!r} of {row.owner}",
                f"{row.target} cannot be loaded ({type(problem).__name__}: {problem})",
                "mend or uninstall that package; all other names still work",
            ) from problem
        fits = isinstance(target, type) and dataclasses.is_dataclass(target)
        if not fits:
            raise BrokenPlugin(
                f"{self.one} {row.name!r} of {row.owner}",
                f"{row.target} is no dataclass",
                "let the entry point name a frozen dataclass",
            )
        return target


def _installed_row(point: metadata.EntryPoint) -> Info:
    about = _about(point)
    owner = f"{about['Name']} {about.get('Version', 'of unknown version')}" if "Name" in about else UNNAMED
    return Info(normalise(point.name), about.get("Summary", ""), owner, point.value)


def _about(point: metadata.EntryPoint) -> dict[str, str]:
    """Name, version and summary of the package behind an entry point, as far as it still has them."""
    try:
        found = point.dist.metadata if point.dist else None
        return {k: found[k] for k in ("Name", "Version", "Summary") if k in found} if found is not None else {}
    except Exception:  # an interrupted uninstallation leaves entry points without metadata
        return {}


def _module(target: str | type) -> str:
    return target.__module__ if isinstance(target, type) else target.partition(":")[0]


def _first_line(target: str | type) -> str:
    return (getattr(target, "__doc__", None) or "").strip().partition("\n")[0] if isinstance(target, type) else ""
