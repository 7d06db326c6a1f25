"""Options of plug-ins: the fields of a frozen dataclass, validated against their annotations."""

import dataclasses
import difflib
import math
from collections.abc import Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from wgbench.errors import BadOption, BrokenPlugin

T = TypeVar("T")
BOUNDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}


def build(cls: type[T], options: Mapping[str, Any], asked: str) -> T:
    """An instance of the frozen dataclass `cls`; BadOption for an unknown field or a value that does not fit."""
    if not dataclasses.is_dataclass(cls):
        raise BrokenPlugin(asked, f"{cls.__name__} is no dataclass", "decorate it with @dataclass(frozen=True)")
    fields = {f.name for f in dataclasses.fields(cls) if f.init}
    for name in options:
        if name not in fields:
            raise BadOption(asked, f"no option {name!r}", suggestion(name, fields))
    missing = [
        f.name
        for f in dataclasses.fields(cls)
        if f.init
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
        and f.name not in options
    ]
    if missing:
        raise BadOption(asked, f"option {missing[0]!r} has no default", f"give it: --set {missing[0]}=...")
    annotations = _annotations(cls, asked)
    values = {n: _validated(annotations[n], value, f"{asked}, {n}={value!r}") for n, value in options.items()}
    try:
        return cls(**values)
    except ValueError as problem:  # the class itself refuses a combination
        raise BadOption(asked, str(problem), "choose other values") from problem


def dump(instance: Any) -> dict[str, Any]:
    """All options of an instance, as JSON values; equal options give equal JSON."""
    cls = type(instance)
    annotations = _annotations(cls, cls.__qualname__)
    fields = [f.name for f in dataclasses.fields(instance) if f.init]
    return {n: _dumped(annotations[n], getattr(instance, n), f"{cls.__qualname__}.{n}") for n in fields}


def defaults(cls: type) -> dict[str, Any]:
    """The options of a dataclass that have a plain default, as JSON values."""
    annotations = _annotations(cls, cls.__qualname__)
    given = {f.name: f.default for f in dataclasses.fields(cls) if f.init and f.default is not dataclasses.MISSING}
    return {name: _dumped(annotations[name], value, f"{cls.__qualname__}.{name}") for name, value in given.items()}


def suggestion(name: str, known: set[str]) -> str:
    """What to write instead of an unknown field name."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    return f"the options are {', '.join(sorted(known))}" if known else "it takes no options"


def first_problem(error: ValidationError) -> str:
    """The first complaint of pydantic, in one line."""
    where, _, said = complaint(error)
    return f"{where}: {said}" if where else said


def complaint(error: ValidationError) -> tuple[str, Any, str]:
    """The first complaint of pydantic: the field, its value, and what is wrong, in the words of everybody else."""
    problem = error.errors(include_url=False)[0]
    said = str(problem["msg"]).removeprefix("Value error, ").replace("Input should", "it should")
    return ".".join(str(part) for part in problem["loc"]), problem["input"], said


def _annotations(cls: type, asked: str) -> dict[str, Any]:
    try:
        return _hints(cls)
    except NameError as problem:
        remedy = "import it outside TYPE_CHECKING: options are validated against their annotations"
        raise BrokenPlugin(asked, f"an annotation of {cls.__name__} means nothing ({problem})", remedy) from problem


@lru_cache(maxsize=1024)
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@lru_cache(maxsize=1024)
def _made(annotation: Any, spelled: str) -> TypeAdapter[Any]:  # noqa: ARG001 - `int | str` equals `str | int`, not so spelled
    return TypeAdapter(annotation)


def _adapter(annotation: Any, asked: str) -> TypeAdapter[Any]:
    try:
        return _made(annotation, repr(annotation))
    except PydanticUserError as problem:
        wrong = f"options cannot be of type {_spelled(annotation)}"
        raise BrokenPlugin(asked, wrong, "use numbers, strings, and tuples of them") from problem


def _validated(annotation: Any, value: Any, asked: str) -> Any:
    wanted = f"give a value of type {_spelled(annotation)}{_within(annotation)}"
    try:
        valid = _adapter(annotation, asked).validate_python(value)
    except ValidationError as error:
        raise BadOption(asked, first_problem(error), wanted) from None
    if not _finite(valid):
        raise BadOption(asked, "it should be a finite number", wanted)
    return valid


def _dumped(annotation: Any, value: Any, asked: str) -> Any:
    # Validated once more, since defaults were not: 1 and 1.0 are one value of a float, and must be one in every id.
    valid = _validated(annotation, value, asked)
    dumped = _adapter(annotation, asked).dump_python(valid, mode="json")
    # A set comes in another order in every process.
    return sorted(dumped, key=str) if isinstance(valid, set | frozenset) else dumped


def _finite(value: Any) -> bool:
    """Whether no number in it is NaN or infinite, which JSON cannot hold."""
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _spelled(annotation: Any) -> str:
    """A type as its author wrote it, without constraints."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _spelled(parts[0])
    if isinstance(annotation, UnionType) or origin is Union:
        return " | ".join(map(_spelled, parts))
    if isinstance(origin, type):
        return f"{origin.__name__}[{', '.join(map(_spelled, parts))}]"
    if annotation in (None, NoneType, ...):
        return "..." if annotation is ... else "None"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _within(annotation: Any) -> str:
    """The bounds of a number, or of the first numbers in it, in words; empty where there are none."""
    held = [one for field in getattr(annotation, "__metadata__", ()) for one in getattr(field, "metadata", ())]
    found = [f"{words} {getattr(one, name)}" for name, words in BOUNDS.items() for one in held if hasattr(one, name)]
    return f", {' and '.join(found)}" if found else next(filter(None, map(_within, get_args(annotation))), "")
