"""A board of a few committed entries, one of them with hostile text, and the site that is built from it."""

import json
import shutil
from pathlib import Path

import pytest

from wgbench.results import building, schema
from wgbench.site.board import build

COMMITTED = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
ENDING = "</script><!-- \u2028 ' \" & {{ 7 * 7 }} \u202e"


def committed(name):
    (folder,) = (COMMITTED / name).iterdir()
    return folder


def rewritten(folder, target, change):
    """A copy of an entry with its JSON changed by `change(content)`."""
    shutil.copytree(folder, target)
    content = json.loads((target / schema.ENTRY).read_text())
    change(content)
    (target / schema.ENTRY).write_text(json.dumps(content))


def hostile(content):
    """Every text of an entry that its author may choose."""
    content["algorithm"]["name"] = EVIL
    content["algorithm"]["options"] = {EVIL: ENDING}
    content["dataset"] |= {"name": f"evil {ENDING}", "group_names": [EVIL, ENDING, "odd-red", "'><b>"]}
    content |= {"note": EVIL + ENDING, "submitter": EVIL, "command": ENDING + EVIL}
    content["environment"]["packages"][EVIL] = ENDING
    content["files"] = {"../" + EVIL: "0"}


@pytest.fixture(scope="session")
def board(tmp_path_factory):
    """A board's folder: erm, dfr, gdro (ranked), chi2 (partial) on colored-digits; a hostile entry."""
    where = tmp_path_factory.mktemp("board")
    for name in ("erm", "gdro", "chi2", "dfr"):
        folder = committed(name)
        shutil.copytree(folder, where / "results" / folder.relative_to(COMMITTED.parents[1]))
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
