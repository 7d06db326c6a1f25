"""Hand an entry in for review: one commit on a branch of its own, or a pull request on the Hugging Face hub.

Text of an entry never becomes an option or a command: arguments go as a list, names are slugs and hashes, and what a
user gives follows `--`.
"""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wgbench.config import place, slug
from wgbench.errors import SubmitFailed, WgbenchError
from wgbench.results import leaderboard, schema
from wgbench.results.checking import require

BOARD = "leaderboards"  # the board's folder in the repository
HUB = "hf:"
WITHOUT_GIT = "install git, or send the entry's folder itself"


@dataclass(frozen=True)
class Submission:
    """What was handed in, and what its reviewer runs."""

    where: str  # a branch of a repository, or the address of a pull request
    folder: str  # of the entry, in the repository
    review: tuple[str, ...]  # command lines


def submit(folder: Path, to: str) -> Submission:
    """Check an entry and hand it in to a git repository, or to `hf:<repository>`; SubmitFailed says what was wrong."""
    entry = require(folder)
    if to.startswith(HUB):
        return _to_hub(folder, entry, to.removeprefix(HUB))
    return _to_git(folder, entry, to)


def branch_of(entry: schema.Entry) -> str:
    """The entry's branch: `entry/<algorithm>-<id>`."""
    return f"entry/{slug(entry.algorithm.name)}-{entry.id}"


def place_of(entry: schema.Entry) -> str:
    """The entry's folder in a leaderboard's repository."""
    return f"{BOARD}/results/{place(entry.dataset, entry.backbone, entry.algorithm)}/{entry.id}"


def message_of(entry: schema.Entry) -> str:
    """The commit's message: what it is, and how to review it."""
    subject = f"Entry: {_line(entry.algorithm.name)} on {_line(entry.dataset.name)}, {_line(entry.backbone.name)}"
    return "\n".join([subject, "", f"id {entry.id}; to review:", "", *(f"    {line}" for line in _review(entry))])


def _review(entry: schema.Entry) -> tuple[str, ...]:
    where = place_of(entry)
    return (
        f"wgbench leaderboard check {where}",
        f"wgbench replay {where}",
        f"wgbench replay {where} --epochs all --record {BOARD}",
    )


def _to_git(folder: Path, entry: schema.Entry, to: str) -> Submission:
    branch, shown = branch_of(entry), _without_password(to)
    with tempfile.TemporaryDirectory(prefix="wgbench-submit-", ignore_cleanup_errors=True) as work:
        clone = Path(work) / "clone"
        # Without symbolic links nothing in that repository leads out of the clone.
        links = ("-c", "core.symlinks=false")
        _git(*links, "clone", "--quiet", "--depth=1", "--", to, str(clone), asked=f"cloning {shown}")
        taken = _git("ls-remote", "--heads", "origin", f"refs/heads/{branch}", at=clone, asked=f"looking into {shown}")
        if taken:
            remedy = "its review is under way; delete the branch there to hand it in anew"
            raise SubmitFailed(f"submitting {entry.id} to {shown}", f"the branch {branch} exists already", remedy)
        _git("checkout", "--quiet", "-b", branch, at=clone, asked="making a branch")
        leaderboard.add(folder, clone / BOARD)
        _git("add", "--force", "--", place_of(entry), at=clone, asked="adding the entry")
        if not _git("status", "--porcelain", "--", place_of(entry), at=clone, asked="looking at the changes"):
            raise SubmitFailed(f"submitting {entry.id} to {shown}", "the entry is on that board", "nothing needs doing")
        _git("commit", "--quiet", "--message", message_of(entry), at=clone, asked="committing the entry")
        _git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", at=clone, asked=f"pushing to {shown}")
    fetch = (f"git fetch origin {branch}", "git checkout FETCH_HEAD")
    return Submission(f"branch {branch} of {shown}", place_of(entry), (*fetch, *_review(entry)))


def _git(*words: str, asked: str, at: Path | None = None) -> str:
    """Output of a git command; SubmitFailed with the last thing it said."""
    if shutil.which("git") is None:
        raise SubmitFailed(asked, "there is no git on this machine", WITHOUT_GIT)
    where = ["-C", str(at)] if at else []
    # A question for a password would wait for an answer that nobody sees; another repository must not be taken for
    # the clone, as it would be in a hook.
    environment = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *where, *words], capture_output=True, text=True, errors="replace", check=False, env=environment
    )
    if done.returncode != 0:
        wrong, remedy = _explained(done.stderr)
        raise SubmitFailed(asked, wrong, remedy)
    return done.stdout.strip()


def _explained(said: str) -> tuple[str, str]:
    """What git complained of, in one line, and what to do."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "!"))]
    wrong = _without_password((fatal or lines or ["git failed"])[0])
    for kind in ("fatal: ", "error: ", "remote: ", "! "):
        wrong = wrong.removeprefix(kind)
    if "tell me who you are" in said or "empty ident" in said:
        return "git does not know who you are", "git config --global user.name NAME, and user.email ADDRESS"
    if "non-fast-forward" in said or "fetch first" in said:
        return wrong, "somebody else made that branch: delete it there to hand the entry in anew"
    return wrong, "check the address, and that you may push there (a fork of your own will do)"


def _to_hub(folder: Path, entry: schema.Entry, repository: str) -> Submission:
    """A pull request on a dataset repository of the Hugging Face hub."""
    from huggingface_hub import CommitOperationAdd

    operations = [
        CommitOperationAdd(path_in_repo=f"{place_of(entry)}/{name}", path_or_fileobj=str(folder / name))
        for name in (*entry.files, schema.ENTRY)
    ]
    title, _, description = message_of(entry).partition("\n\n")
    try:
        made = _hub().create_commit(
            repo_id=repository,
            operations=operations,
            commit_message=title,
            commit_description=description,
            repo_type="dataset",
            create_pr=True,
        )
    except WgbenchError:
        raise
    except Exception as problem:  # its client has many kinds, and those of the network below it
        wrong = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
        remedy = "check the repository's name, and log in: hf auth login"
        raise SubmitFailed(f"submitting {entry.id} to {HUB}{repository}", wrong, remedy) from problem
    fetch = f"hf download {repository} --repo-type dataset --revision {made.pr_revision} --local-dir ."
    return Submission(f"pull request {made.pr_url}", place_of(entry), (fetch, *_review(entry)))


def _hub() -> Any:
    from huggingface_hub import HfApi

    return HfApi()


def _without_password(address: str) -> str:
    """An address without what is before its `@`: it is shown."""
    return re.sub(r"//[^/@\s]*@", "//", address)


def _line(text: str) -> str:
    return " ".join(text.split())
