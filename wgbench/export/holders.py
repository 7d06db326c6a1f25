"""Whose export lies in a folder: what its card and the headers of its networks say."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from wgbench import untrusted

CARD = re.compile(r"^Entry `([0-9a-f]{16})` of wgbench", re.M)
LARGEST = 2**20  # bytes of a card


def of(folder: Path, card: str) -> Iterator[str]:
    """Ids of the entries, that of the card first; "" where the file of its name is no card."""
    with contextlib.suppress(untrusted.Absent):
        yield _of_card(folder / card)
    for path in sorted(folder.glob("model-*.safetensors")):  # the card is written last: a killed export lacks it
        if whose := _of_network(path):
            yield whose


def _of_card(path: Path) -> str:
    try:
        found = CARD.search(untrusted.text(path, LARGEST))
    except untrusted.Absent:
        raise
    except untrusted.Refused:
        return ""
    return found[1] if found else ""


def _of_network(path: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            whose = json.loads(file.metadata()["wgbench"])["entry"]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None
    return whose if isinstance(whose, str) else None
