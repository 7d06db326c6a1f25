"""Entries to build boards from: committed ones, and copies with other content."""

import json
import shutil

from wgbench.results import schema

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
ENDING = "</script><!-- \u2028 ' \" & {{ 7 * 7 }} \u202e"


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
