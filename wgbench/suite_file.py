"""Suites in files: found by name or path, read as plain YAML, every mistake told in one line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from wgbench import untrusted
from wgbench.errors import BadSuite
from wgbench.options import first_problem, suggestion
from wgbench.suite import Product, Suite, Variant

LARGEST = 256 * 1024  # bytes
SUFFIXES = (".yaml", ".yml")


def folder() -> Path:
    """Where the suites that come with wgbench are: in the package, or beside it in a source checkout."""
    package = Path(__file__).parent
    installed = package / "benchmarks"
    return installed if installed.is_dir() else package.parent / "benchmarks"


def names() -> list[str]:
    """The suites that come with wgbench."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def find(asked: str) -> tuple[str, Suite]:
    """Name and content of a suite, given its file or the name of one that comes with wgbench; BadSuite."""
    path = Path(asked)
    if path.suffix.lower() in SUFFIXES or path.is_file():
        return path.stem, read(path)
    known = names()
    if asked not in known:
        close = suggestion(asked, set(known)).replace("the options are", "there are")
        raise BadSuite(f"suite {asked}", "neither a file nor a suite that comes with wgbench", close)
    return asked, read(folder() / f"{asked}.yaml")


def read(path: Path) -> Suite:
    """The suite in a file; BadSuite names the file, the field or line, and the remedy."""
    asked = f"suite {path}"
    try:
        text = untrusted.text(path, LARGEST)
    except untrusted.Refused as problem:
        remedy = "give a file, or the name of a suite: `wgbench suite list`"
        raise BadSuite(asked, f"it {problem}", remedy) from None
    data = _plain(asked, text)
    try:
        # By way of JSON: strict types, with lists for tuples.
        return Suite.model_validate_json(json.dumps(data, allow_nan=False))
    except ValidationError as problem:
        raise BadSuite(asked, *_told(problem)) from None
    except (TypeError, ValueError) as problem:  # dates, bytes, sets; numbers that are none
        raise BadSuite(
            asked, f"a value is no text, number, list or mapping ({problem})", "write it in quotes"
        ) from None


def _plain(asked: str, text: str) -> Any:
    """What a YAML text holds: no aliases, which can make it grow without bounds, and no key twice."""
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
                line = token.start_mark.line + 1
                raise BadSuite(
                    asked, f"line {line}: anchors and aliases are not read", "use variants for what is shared"
                )
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        for line, problem, remedy in _doubtful(root):
            raise BadSuite(asked, f"line {line}: {problem}", remedy)
        found = yaml.safe_load(text)
        untrusted.check(found)
        return found
    except untrusted.Refused as problem:
        raise BadSuite(asked, f"it {problem}", "give a suite") from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise BadSuite(asked, f"{where}no YAML ({problem.problem})", "mend that line") from None
    except (yaml.YAMLError, ValueError) as problem:  # ValueError: a date that does not exist
        raise BadSuite(asked, f"no YAML ({problem})", "mend the file") from None
    except RecursionError:
        raise BadSuite(asked, "nested too deeply", "give a suite") from None


def _doubtful(node: yaml.Node | None) -> Iterator[tuple[int, str, str]]:
    """Line, problem and remedy of keys that are written twice or are no text, anywhere below a node."""
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _doubtful(inner)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            yield line, f"the key {_spelled(key)} is no text", "write it in quotes"
        elif key.value in seen:
            yield line, f"the key {key.value!r} is written twice", "drop one of them"
        else:
            seen.add(key.value)
        yield from _doubtful(value)


def _spelled(key: yaml.Node) -> str:
    return repr(key.value) if isinstance(key, yaml.ScalarNode) else "of several parts"


def _told(error: ValidationError) -> tuple[str, str]:
    """Pydantic's first complaint and what to do about it."""
    problem = error.errors(include_url=False)[0]
    where, kind = [str(part) for part in problem["loc"]], problem["type"]
    if kind == "extra_forbidden":
        known = Suite if len(where) == 1 else Variant if "variants" in where else Product
        path = f"{'.'.join(where[:-1])}: " if where[:-1] else ""
        return f"{path}no field {where[-1]!r}", suggestion(where[-1], set(known.model_fields)).replace(
            "options", "fields"
        )
    if kind == "value_error":  # ours, with their own remedy
        message = str(problem["ctx"]["error"])
        wrong, _, remedy = message.partition("; ")
        return f"{'.'.join(where)}: {wrong}" if where else wrong, remedy or "split it"
    remedies = {"missing": "add it", "string_type": "write a text, in quotes if it looks like something else"}
    return first_problem(error), remedies.get(kind, f"the suites in {folder()} are examples")
