"""A line of an entry's `partial`, read back: which setting it speaks of, and what kind of departure it is."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["narrowed", "data", "changed"]

LINE = re.compile(r"(weight decays|\S+) (.*) instead of (.*)", re.DOTALL)
NARROWED = ("seeds", "weight decays", "epochs", "no ERM baseline")
DATA = "dataset."
PARTIAL = "partial"


@dataclass(frozen=True)
class Lack:
    """`name` as the line has it (`epochs`, `dataset.examples`); `value` and `usual` are empty where it gives none."""

    name: str
    value: str = ""
    usual: str = ""

    @property
    def kind(self) -> Kind:
        """`narrowed`: less was run than the rules ask for; `data`: on other data; `changed`: as much, otherwise.

        A line of another form speaks of the data as a whole.
        """
        if self.name in NARROWED:
            return "narrowed"
        return "data" if self.name.startswith(DATA) or not self.usual else "changed"

    @property
    def short(self) -> str:
        """The setting by itself: `examples`."""
        return self.name.rpartition(".")[2].replace("_", " ") if self.usual else self.name


def lack(line: str) -> Lack:
    """What a line says; a line of another form is a name as it stands."""
    found = LINE.fullmatch(line)
    return Lack(*found.groups()) if found else Lack(line)


def narrowed(partial: Iterable[str]) -> bool:
    """Whether an entry was run in part, or on other data: `partial` in the narrow sense."""
    return badge(partial) == PARTIAL


def told(partial: Sequence[str]) -> str:
    """The badge and the lines behind it, in one line; empty for a complete entry."""
    return f"{badge(partial)}: {'; '.join(partial)}" if partial else ""


def badge(partial: Iterable[str]) -> str:
    """In a word or two how an entry departs from the rules: `partial`, or `other loss`; empty for a complete one."""
    found = [lack(line) for line in partial]
    if any(one.kind != "changed" for one in found):
        return PARTIAL
    return f"other {', '.join(one.short for one in found)}" if found else ""


def beside(partial: Iterable[str], said: Iterable[str]) -> str:
    """The badge, without the settings that a name already tells: nothing beside `loss squared` where that is all."""
    lines, words = list(partial), {word.partition(" ")[0] for word in said}
    if narrowed(lines):
        return PARTIAL
    return badge(line for line in lines if lack(line).short.partition(" ")[0] not in words)
