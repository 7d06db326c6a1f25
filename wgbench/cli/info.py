"""`wgbench info`: one plug-in, its options and where it comes from."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import typer

import wgbench
from wgbench.cli import shared
from wgbench.config import Recipe
from wgbench.errors import UnknownName
from wgbench.registry import KINDS, UNKNOWN

PREFIXES = {"algorithms": "", "losses": "recipe.loss_options.", "datasets": "dataset.", "backbones": "backbone."}
SAID = ("modality", "classes", "group_names", "counts", "backbone", "weight_decays")
TABLES = ("sizes", "sha256", "md5")
ORIGIN = ("source", "citation", "licence")
ALONE = re.compile(r"\s|[-*] |\d+\. ")  # a line of a list, or set off, is no part of a paragraph


def info(
    name: Annotated[str, typer.Argument(help="a registered name, of any kind")], as_json: shared.AsJson = False
) -> None:
    """Describe an algorithm, loss, dataset or backbone."""
    found = described(name)
    if as_json:
        shared.print_json(found)
        return
    from rich.padding import Padding

    from wgbench.cli.console import console

    out = console()
    for one in found:
        out.print(f"{one['name']} ({one['kind']}, from {one['owner']}, version {one['version']})\n")
        for paragraph in one["text"]:
            out.print("\n".join(_joined(paragraph.splitlines())) + "\n")
        for line in _lines(one):
            out.print(Padding(line, (0, 0, 0, 2), expand=False))


def described(name: str) -> list[dict[str, Any]]:
    """What is known of a name, once for every kind that has it, as JSON holds it; UnknownName where none has."""
    found: list[dict[str, Any]] = []
    problems: list[UnknownName] = []
    for kind in KINDS:
        registry: Any = getattr(wgbench, kind).registry
        try:
            row = registry.info(name)
        except UnknownName as error:
            problems.append(error)
            continue
        cls = registry.find(name).target
        facts = _facts(kind, cls)
        if takes := row.name.partition(":")[2].strip("<>"):
            facts["options"][takes]["given as"] = row.name
            if len(facts["options"]) == 1:
                del facts["given as"]
        head = {"name": row.name, "kind": KINDS[kind], "owner": row.owner, "version": getattr(cls, "version", "?")}
        found.append({**head, "text": list(_told(cls)), **facts})
    if not found:
        best = max(problems, key=_closeness)
        raise UnknownName(f"wgbench info {name}", best.wrong, best.remedy)
    return found


def _closeness(problem: UnknownName) -> tuple[bool, bool]:
    """The best advice is that of the kind that knows the name and wants more of it, or has names close to it."""
    return problem.wrong != UNKNOWN, "did you mean" in problem.remedy


def _told(cls: type) -> Iterator[str]:
    """The paragraphs of the docstrings of a class's module and of itself."""
    for text in dict.fromkeys((inspect.getdoc(inspect.getmodule(cls)) or "", inspect.getdoc(cls) or "")):
        yield from filter(None, text.split("\n\n"))


def _joined(lines: list[str]) -> list[str]:
    """A paragraph in one line, but for its lists: terminals are of any width."""
    found: list[str] = []
    for line in lines:
        if found and not ALONE.match(line):
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found


def _facts(kind: str, cls: type) -> dict[str, Any]:
    """Options, promises and defaults; what a class leaves open is not there."""
    hints = get_type_hints(cls, include_extras=True)
    found: dict[str, Any] = {"options": {f.name: _option(f, hints[f.name]) for f in dataclasses.fields(cls)}}
    if found["options"]:
        found["given as"] = f"--set {PREFIXES[kind]}NAME=VALUE"
    if drawn := getattr(cls, "search", {}):
        found["search"] = {name: str(one) for name, one in drawn.items()}
    if kind == "algorithms" and isinstance(cls.needs, frozenset):  # type: ignore[attr-defined]
        found["needs"] = sorted(cls.needs)  # type: ignore[attr-defined]
    found |= {name: getattr(cls, name) for name in SAID if _is_fixed(cls, name)}
    found |= {name: dict(getattr(cls, name)) for name in TABLES if getattr(cls, name, None)}
    found |= {name: getattr(cls, name) for name in ORIGIN if isinstance(getattr(cls, name, None), str)}
    if isinstance(recipe := getattr(cls, "recipe", None), Recipe):
        found["recipe"] = recipe.model_dump(mode="json")
    return found


def _option(field: "dataclasses.Field[Any]", hint: Any) -> dict[str, Any]:
    """An option's type, and its default where it has one."""
    kind = getattr(hint, "__origin__", hint)
    default = {} if field.default is dataclasses.MISSING else {"default": field.default}
    return {"type": str(getattr(kind, "__name__", kind)), **default}


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    """A line per option, promise and default."""
    for name, option in one["options"].items():
        yield f"option {name}: {option['type']}, {_default(option)}"
    if "given as" in one:
        yield f"{'other ' if ':' in one['name'] else ''}options are given to `run` as {one['given as']}"
    yield from (f"search {name}: {drawn}" for name, drawn in one.get("search", {}).items())
    if "needs" in one:
        yield f"needs: {', '.join(one['needs']) or 'nothing'} beside inputs and training labels"
    if counts := one.get("counts"):
        for g, group in enumerate(one.get("group_names", ())):
            yield f"group {group}: {_plain({split: found[g] for split, found in counts.items()})}"
    shown = [name for name in SAID if name in one and (name not in ("counts", "group_names") or not counts)]
    yield from (f"{name}: {_plain(one[name])}" for name in shown)
    for name in TABLES:
        yield from (f"{name} of {what}: {value}" for what, value in one.get(name, {}).items())
    yield from (f"{name}: {one[name]}" for name in ORIGIN if name in one)
    yield from (f"recipe.{name}: {_plain(value)}" for name, value in one.get("recipe", {}).items())


def _default(option: Mapping[str, Any]) -> str:
    """What an option is where it is not given, or that the name gives it."""
    if "given as" in option:
        return f"in the name: {option['given as']}"
    return f"default {option['default']!r}" if "default" in option else "no default"


def _is_fixed(cls: type, name: str) -> bool:
    """Whether a class says it; the rest is known per instance."""
    value = getattr(cls, name, None)
    return bool(value) and not isinstance(value, property | cached_property)


def _plain(value: Any) -> str:
    """A value without the signs of a programming language."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items()) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(f"[{_plain(one)}]" if isinstance(one, tuple | list) else _plain(one) for one in value)
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
