"""HTML from templates: everything escaped, and a policy that allows nothing but the page's own script and style."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from wgbench.site.board import numbers
from wgbench.site.board.words import SCORES
from wgbench.site.policy import policy
from wgbench.site.templates import templates

HERE = Path(__file__).parent


def page(template: str, scripts: tuple[str, ...] = (), **content: Any) -> bytes:
    """A page in UTF-8, from a template and what it is about; `scripts` are files among the assets."""
    style, code = asset("board.css"), [asset(name) for name in scripts]
    text = (
        _templates()
        .get_template(template)
        .render(style=Markup(style), scripts=[Markup(c) for c in code], policy=policy(style, code), **content)
    )
    return text.encode("utf-8", "replace")


def embedded(data: Mapping[str, Any]) -> Markup:
    """JSON for a script element: nothing in it can end the element, begin a comment, or a line."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))  # ASCII: U+2028 is escaped
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # of a vetted string: see above


@cache
def asset(name: str) -> str:
    """A file that goes into pages as it is."""
    return (HERE / "assets" / name).read_text(encoding="utf-8")


@cache
def _templates() -> jinja2.Environment:
    environment = templates(HERE / "templates")
    environment.globals |= {"numbers": numbers, "SCORES": SCORES, "embedded": embedded}
    return environment
