"""`wgbench info`: one plug-in, its options and where it comes from."""

import dataclasses
import inspect
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import typer

import wgbench
from wgbench.cli.ls import KINDS
from wgbench.config import Recipe
from wgbench.errors import UnknownName


def info(name: Annotated[str, typer.Argument(help="a registered name, of any kind")]) -> None:
    """Describe an algorithm, loss, dataset or backbone."""
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
        for line in _lines(kind, row, registry.find(name).target):
            out.print(line)
    if not described and problem is not None:
        raise UnknownName(f"wgbench info {name}", problem.wrong, problem.remedy)


def _lines(kind: str, row: Any, cls: type) -> list[str]:
    module = inspect.getdoc(inspect.getmodule(cls)) or ""
    lines = [f"{row.name} ({kind}, from {row.owner}, version {getattr(cls, 'version', '?')})", ""]
    lines += [*(inspect.getdoc(cls) or "").splitlines(), "", *module.splitlines(), ""]
    hints = get_type_hints(cls, include_extras=True)
    for f in dataclasses.fields(cls):
        default = "no default" if f.default is dataclasses.MISSING else f"default {f.default!r}"
        kind_of = getattr(hints[f.name], "__origin__", hints[f.name])
        lines.append(f"  option {f.name}: {getattr(kind_of, '__name__', kind_of)}, {default}")
    for name, drawn in getattr(cls, "search", {}).items():
        lines.append(f"  search {name}: {drawn}")
    for name in ("needs", "members", "modality", "classes", "group_names", "counts", "backbone", "weight_decays"):
        value = getattr(cls, name, None)
        fixed = value is not None and not isinstance(value, property | cached_property)  # else known per instance
        if fixed and value != frozenset():
            lines.append(f"  {name}: {', '.join(sorted(value)) if isinstance(value, frozenset) else value}")
    for name in ("sizes", "sha256", "md5"):
        lines += [f"  {name} of {what}: {value}" for what, value in getattr(cls, name, {}).items()]
    for name in ("source", "citation", "licence"):
        if isinstance(getattr(cls, name, None), str):
            lines.append(f"  {name}: {getattr(cls, name)}")
    recipe = getattr(cls, "recipe", None)
    if isinstance(recipe, Recipe):
        lines += [f"  recipe.{name}: {value}" for name, value in recipe.model_dump(mode="json").items()]
    return [line.rstrip() for line in lines]
