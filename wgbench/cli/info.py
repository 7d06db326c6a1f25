"""`wgbench info`: one plug-in, its options and where it comes from."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import typer

import wgbench
from wgbench.config import Recipe
from wgbench.errors import UnknownName
from wgbench.registry import KINDS

PREFIXES = {"algorithms": "", "losses": "recipe.loss_options.", "datasets": "dataset.", "backbones": "backbone."}
SAID = ("modality", "classes", "group_names", "counts", "backbone", "weight_decays")
ALONE = re.compile(r"\s|[-*] |\d+\. ")  # a line of a list, or set off, is no part of a paragraph


def info(name: Annotated[str, typer.Argument(help="a registered name, of any kind")]) -> None:
    """Describe an algorithm, loss, dataset or backbone."""
    from rich.padding import Padding

    from wgbench.cli.console import console

    out = console()
    described = False
    problem: UnknownName | None = None
    for kind in KINDS:
        registry: Any = getattr(wgbench, kind).registry
        try:
            row = registry.info(name)
        except UnknownName as error:
            # Of four kinds the one whose names come closest gives the best advice.
            problem = error if problem is None or "did you mean" in error.remedy else problem
            continue
        described = True
        cls = registry.find(name).target
        out.print(f"{row.name} ({KINDS[kind]}, from {row.owner}, version {getattr(cls, 'version', '?')})\n")
        for line in _told(cls):
            out.print(line)
        for line in _facts(kind, cls):
            out.print(Padding(line, (0, 0, 0, 2), expand=False))
    if not described and problem is not None:
        raise UnknownName(f"wgbench info {name}", problem.wrong, problem.remedy)


def _told(cls: type) -> Iterator[str]:
    """The docstrings of a class's module and of itself, a line per paragraph: terminals are of any width."""
    for text in dict.fromkeys((inspect.getdoc(inspect.getmodule(cls)) or "", inspect.getdoc(cls) or "")):
        for paragraph in filter(None, text.split("\n\n")):
            yield "\n".join(_joined(paragraph.splitlines())) + "\n"


def _joined(lines: list[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        if found and not ALONE.match(line):
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found


def _facts(kind: str, cls: type) -> Iterator[str]:
    """A line per option, promise and default."""
    hints = get_type_hints(cls, include_extras=True)
    for f in dataclasses.fields(cls):
        default = "no default" if f.default is dataclasses.MISSING else f"default {f.default!r}"
        kind_of = getattr(hints[f.name], "__origin__", hints[f.name])
        yield f"option {f.name}: {getattr(kind_of, '__name__', kind_of)}, {default}"
    if dataclasses.fields(cls):
        yield f"options are given to `run` as --set {PREFIXES[kind]}NAME=VALUE"
    for name, drawn in getattr(cls, "search", {}).items():
        yield f"search {name}: {drawn}"
    if kind == "algorithms" and isinstance(cls.needs, frozenset):  # type: ignore[attr-defined]
        yield f"needs: {', '.join(sorted(cls.needs)) or 'nothing'} beside inputs and training labels"  # type: ignore[attr-defined]
    fixed = {name: getattr(cls, name) for name in SAID if _is_fixed(cls, name)}
    counts = fixed.pop("counts", {})
    for g, group in enumerate(fixed.pop("group_names", ()) if counts else ()):
        yield f"group {group}: {_plain({split: found[g] for split, found in counts.items()})}"
    yield from (f"{name}: {_plain(value)}" for name, value in fixed.items())
    for name in ("sizes", "sha256", "md5"):
        yield from (f"{name} of {what}: {value}" for what, value in getattr(cls, name, {}).items())
    for name in ("source", "citation", "licence"):
        if isinstance(getattr(cls, name, None), str):
            yield f"{name}: {getattr(cls, name)}"
    recipe = getattr(cls, "recipe", None)
    if isinstance(recipe, Recipe):
        yield from (f"recipe.{name}: {_plain(value)}" for name, value in recipe.model_dump(mode="json").items())


def _is_fixed(cls: type, name: str) -> bool:
    """Whether a class says it; the rest is known per instance."""
    value = getattr(cls, name, None)
    return bool(value) and not isinstance(value, property | cached_property)


def _plain(value: Any) -> str:
    """A value without the signs of a programming language."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items()) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(" ".join(map(_plain, one)) if isinstance(one, list) else _plain(one) for one in value)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
