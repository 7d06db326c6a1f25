"""Whose code may run on account of an entry: wgbench's own, the program's that asks, and distributions named by name.

An entry names plug-ins, and what it names is imported to follow it. Installed packages may do anything then, so each is
named before its code runs, with its distribution, and runs only where somebody has said that they trust it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wgbench import algorithms, backbones, datasets, losses
from wgbench.errors import Untrusted, WgbenchError
from wgbench.registry import BUILT_IN, PROGRAM, Info, Registry
from wgbench.results.schema import Entry


@dataclass(frozen=True)
class Trust:
    """`distributions` by name; `program`: what the running program registered itself."""

    distributions: tuple[str, ...] = ()
    program: bool = True

    def allows(self, row: Info) -> bool:
        """Whether the code behind a registered name may run."""
        if row.owner in (BUILT_IN, PROGRAM):
            return row.owner == BUILT_IN or self.program
        return _normal(row.distribution) in map(_normal, self.distributions)


OURS = Trust(program=False)  # what is the same on every machine
NOBODY_ELSE = Trust()


@dataclass(frozen=True)
class Foreign:
    """A plug-in of an entry that is another package's: `str()` names it and where its code comes from."""

    kind: str
    row: Info
    stated: str = ""  # the distribution that the entry states

    def __str__(self) -> str:
        other = f" (the entry states {self.stated})" if self.stated not in ("", self.row.owner) else ""
        return f"{self.kind} {self.row.name!r} is code of {self.row.owner}{other}"


def foreign(entry: Entry) -> Iterator[Foreign]:
    """The plug-ins of an entry that are code of other packages; metadata is read, nothing imported."""
    named: tuple[tuple[str, Registry[Any], str, str], ...] = (
        ("dataset", datasets.registry, entry.dataset.name, ""),
        ("backbone", backbones.registry, entry.backbone.name, ""),
        ("algorithm", algorithms.registry, entry.algorithm.name, entry.algorithm.distribution),
        ("loss", losses.registry, entry.loss.name, ""),
    )
    for kind, registry, name, stated in named:
        try:
            row = registry.info(name)
        except WgbenchError:  # whoever needs it says so
            continue
        if row.owner not in (BUILT_IN, PROGRAM):
            yield Foreign(kind, row, stated)


def require(entry: Entry, trust: Trust, asked: str) -> None:
    """Untrusted, with the first plug-in of an entry whose code may not run."""
    for one in foreign(entry):
        if not trust.allows(one.row):
            whose = one.row.distribution
            remedy = f'look at that package, then add --trust {whose} (in Python: trust=["{whose}"]) to run its code'
            raise Untrusted(asked, f"{one}, which is no part of wgbench", remedy)


def _normal(name: str) -> str:
    """A distribution's name as package indices compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
