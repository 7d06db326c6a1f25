"""Values on a command line: as YAML reads them where that gives what JSON can hold, else as text; lists of numbers."""

from typing import Any

import yaml

from wgbench import untrusted
from wgbench.errors import BadOption


def value(asked: str, text: str) -> Any:
    """One value; BadOption for what goes too deep or cannot be seen."""
    try:
        if not any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            found = yaml.safe_load(text)  # without aliases, of which one can make a value as large as one likes
            untrusted.check(found)
            if _is_json(found):
                return found
    except RecursionError:
        raise BadOption(asked, "nested too deeply", "write a number, a text or a short list") from None
    except (yaml.YAMLError, ValueError):  # ValueError: a date that does not exist, a number without end
        pass
    try:
        untrusted.check(text)
    except untrusted.Refused as problem:
        raise BadOption(asked, f"it {problem}", "write what can be seen") from None
    return text


def numbers(option: str, text: str | None, kind: type) -> tuple[Any, ...] | None:
    """A list of numbers from the command line."""
    if text is None:
        return None
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        whole, example = ("whole ", "2002,2022") if kind is int else ("", "0,.1")
        raise BadOption(f"{option} {text}", f"not a list of {whole}numbers", f"write {option} {example}") from None


def parsed(pairs: list[str], option: str = "--set", example: str = "nu=.1 or --set recipe.lr=.01") -> dict[str, Any]:
    """NAME=VALUE pairs of an option, with what the values say."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise BadOption(f"{option} {pair}", "no NAME=VALUE", f"write {option} {example}")
        settings[name] = value(f"{option} {pair}", text)
    return settings


def _is_json(value: Any) -> bool:
    """Whether it is made of what JSON has: no dates, no bytes, no keys but text."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, bool | int | float | str)
