"""The tests that docs/reliability.md names are there, under these names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"([\w/]+\.py)?(?:::(\w+))?")


def named():
    """(file, test) of every mention; a name without a file belongs to the file before it."""
    found, file = [], ""
    for words in re.findall(r"`([^`]+)`", (ROOT / "docs" / "reliability.md").read_text()):
        if mention := NAMED.fullmatch(words):
            file = mention[1] or file
            found.append((file, mention[2] or ""))
    return sorted(set(found))


@pytest.mark.parametrize(("file", "test"), named())
def test_a_test_that_is_named_exists(file, test):
    content = (ROOT / "tests" / file).read_text()
    assert not test or f"\ndef {test}(" in content, f"docs/reliability.md names {file}::{test}"


def test_all_kinds_of_mentions_are_found():
    files = {file for file, _ in named()}
    assert {"test_faults.py", "launch/test_ray.py", "hostile/test_weights.py"} <= files
    assert len(named()) > 40
