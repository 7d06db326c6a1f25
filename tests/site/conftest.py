"""A board of a few committed entries, one of them with hostile text, and the site that is built from it."""

import json
import shutil

import pytest
from committed import DIGITS, committed
from made_entries import hostile, rewritten

from wgbench.results import building
from wgbench.site.board import build


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    """A board's folder: erm, dfr, gdro (ranked), chi2 (partial) on colored-digits; a hostile entry."""
    where = tmp_path_factory.mktemp("board")
    for name in ("erm", "gdro", "chi2", "dfr"):
        folder = committed(name)
        shutil.copytree(folder, where / "results" / folder.relative_to(DIGITS.parents[1]))
    rewritten(committed("iw"), where / "results" / "evil" / "mlp" / "evil" / "0000000000000000", hostile)
    building.write(where, building.boards(building.placed(where, {})))
    path = where / "colored-digits-v1.json"
    content = json.loads(path.read_text())
    rows = {row["algorithm"]["name"]: row for row in content["rows"]}
    rows["gdro"] |= {"rank": 1, "unranked": None, "verification": {"level": "full", "seed": 2002, "epochs": 300}}
    rows["chi2"] |= {"partial": ["3 of 5 seeds"]}
    path.write_text(json.dumps(content))
    return where


@pytest.fixture(scope="session")
def site(board, tmp_path_factory):
    """The site of `board`."""
    out = tmp_path_factory.mktemp("out") / "site"
    build(board, out)
    return out
