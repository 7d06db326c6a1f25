"""The content security policy of pages: nothing is loaded, and nothing runs, but what lies in the page itself.

Script and style are named by their hash: `'self'` means different things to different browsers where a page is a file.
"""

import base64
import hashlib
from collections.abc import Sequence


def policy(style: str, scripts: Sequence[str] = (), *, pictures: bool = False) -> str:
    """The policy of a page with this style and these scripts; `pictures` as data URIs where it has any."""
    parts = ("default-src 'none'", *(["img-src data:"] if pictures else []), f"style-src {_named(style)}")
    allowed = " ".join(map(_named, scripts)) or "'none'"
    return "; ".join((*parts, f"script-src {allowed}", "base-uri 'none'", "form-action 'none'"))


def _named(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
