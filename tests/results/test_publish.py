"""Entries handed in: to a real repository on disk, and to a hub that is not there."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from committed import committed

from wgbench.cli.main import outcome
from wgbench.errors import BadEntry, SubmitFailed
from wgbench.results import identity, publish, schema

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"
WHERE = "leaderboards/results/colored-digits-v1/mlp/gdro"

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


@pytest.fixture
def gdro():
    return committed("gdro")


@pytest.fixture
def branch(gdro):
    return f"entry/gdro-{gdro.name}"


@pytest.fixture(autouse=True)
def _identity(tmp_path, monkeypatch):
    """An identity, and none of the user's configuration."""
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = A Submitter\n\temail = submitter@example.org\n\tuseConfigOnly = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{name}_NAME", raising=False)
        monkeypatch.delenv(f"GIT_{name}_EMAIL", raising=False)


def git(at, *words):
    done = subprocess.run(["git", "-C", str(at), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path):
    """A bare repository with one commit on its main branch."""
    bare, work = tmp_path / "board.git", tmp_path / "work"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    (work / ".gitignore").write_text("*.parquet\n")
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "A board")
    git(work, "push", "-q", str(bare), "main")
    return bare


def test_an_entry_becomes_one_commit_on_a_branch_of_its_own(gdro, remote, branch):
    done = publish.submit(gdro, str(remote))
    assert done.where == f"branch {branch} of {remote}"
    assert git(remote, "rev-list", "--count", f"main..{branch}") == "1"
    files = git(remote, "diff", "--name-only", "main", branch).splitlines()
    names = ("curves.parquet", "entry.json", "predictions.parquet")
    assert files == [f"{WHERE}/{gdro.name}/{name}" for name in names]
    assert git(remote, "log", "-1", "--format=%an %s", branch) == "A Submitter Entry: gdro on colored-digits, mlp"
    for command in (f"wgbench leaderboard check {WHERE}/{gdro.name}", f"wgbench replay {WHERE}/{gdro.name}"):
        assert command in done.review
        assert command in git(remote, "log", "-1", "--format=%b", branch)


def test_what_the_reviewer_fetches_is_the_entry(gdro, remote, branch, tmp_path):
    publish.submit(gdro, str(remote))
    review = tmp_path / "review"
    subprocess.run(["git", "clone", "-q", "-b", branch, str(remote), str(review)], check=True)
    folder = review / WHERE / gdro.name
    entry = schema.read(folder)
    identity.check(folder, entry)
    assert entry == schema.read(gdro)


def test_a_repository_without_commits_will_do(gdro, tmp_path, branch):
    bare = tmp_path / "empty.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    publish.submit(gdro, str(bare))
    assert git(bare, "rev-list", "--count", branch) == "1"


def test_a_review_under_way_and_an_entry_on_the_board_are_said(gdro, remote, branch):
    publish.submit(gdro, str(remote))
    before = git(remote, "rev-parse", branch)
    with pytest.raises(SubmitFailed, match=rf"the branch {branch} exists already; its review is under way"):
        publish.submit(gdro, str(remote))
    assert git(remote, "rev-parse", branch) == before
    git(remote, "update-ref", "refs/heads/main", branch)
    git(remote, "branch", "-D", branch)
    with pytest.raises(SubmitFailed, match=r"the entry is on that board; nothing needs doing"):
        publish.submit(gdro, str(remote))


def test_an_entry_that_does_not_hold_together_is_not_pushed(gdro, remote, tmp_path):
    copy = shutil.copytree(gdro, tmp_path / "entry")
    (copy / "curves.parquet").write_bytes(b"other")
    with pytest.raises(BadEntry, match=r"curves\.parquet is not the file that was scored"):
        publish.submit(copy, str(remote))
    assert git(remote, "branch", "--list", "entry/*") == ""


def test_links_in_that_repository_lead_nowhere(gdro, remote, tmp_path):
    work, outside = tmp_path / "work", tmp_path / "outside"
    outside.mkdir()
    (work / "leaderboards").symlink_to(outside)
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", "A link")
    git(work, "push", "-q", str(remote), "main")
    assert outcome(["leaderboard", "submit", str(gdro), "--to", str(remote)]) == 2
    assert list(outside.iterdir()) == []


def test_names_in_an_entry_stay_names(gdro):
    entry = schema.read(gdro)
    evil = entry.algorithm.model_copy(update={"name": "--exec=touch x\n; $(touch y)"})
    entry = entry.model_copy(update={"algorithm": evil})
    assert publish.branch_of(entry).startswith("entry/exec-touch-x-touch-y-")
    assert publish.message_of(entry).splitlines()[0] == "Entry: --exec=touch x ; $(touch y) on colored-digits, mlp"


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("nowhere.git", r"cloning .*nowhere\.git: repository .* does not exist; check the address"),
        ("--upload-pack=touch x", r"cloning --upload-pack=touch x: repository .* does not exist"),
        ("https://me:secret@localhost:1/x.git", r"cloning https://localhost:1/x\.git: unable to access 'https://loc"),
    ],
)
def test_a_place_that_cannot_be_reached_is_one_line(gdro, to, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SubmitFailed, match=said) as problem:
        publish.submit(gdro, to)
    assert "\n" not in str(problem.value)
    assert "secret" not in str(problem.value)
    assert not (tmp_path / "x").exists()


def test_a_push_that_is_refused_says_why(gdro, remote):
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'entries are closed' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(SubmitFailed, match=r"pushing to .*: entries are closed; check the address, and that you may"):
        publish.submit(gdro, str(remote))


def test_no_identity_and_no_git_have_their_own_remedies(gdro, remote, tmp_path, monkeypatch):
    (tmp_path / "gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with pytest.raises(SubmitFailed, match=r"git does not know who you are; git config --global user\.name NAME"):
        publish.submit(gdro, str(remote))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SubmitFailed, match=r"there is no git on this machine; install git"):
        publish.submit(gdro, str(remote))


def test_the_verb_prints_what_a_reviewer_runs(gdro, remote, branch, capsys):
    assert outcome(["leaderboard", "submit", str(gdro), "--to", str(remote)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"submitted: branch {branch} of {remote}"
    assert f"    git fetch origin {branch}" in out
    assert f"    wgbench replay {WHERE}/{gdro.name}" in out


class Hub:
    """Stands for the hub's client: keeps what it is given."""

    def __init__(self, problem=None):
        self.problem, self.calls = problem, []

    def create_commit(self, **given):
        self.calls.append(given)
        if self.problem:
            raise self.problem
        return SimpleNamespace(pr_url="https://hub/pr/7", pr_revision="refs/pr/7")


def test_the_hub_gets_a_pull_request_with_the_same_files(gdro, monkeypatch):
    hub = Hub()
    monkeypatch.setattr(publish, "_hub", lambda: hub)
    done = publish.submit(gdro, "hf:someone/board")
    (call,) = hub.calls
    assert (call["repo_id"], call["repo_type"], call["create_pr"]) == ("someone/board", "dataset", True)
    assert call["commit_message"] == "Entry: gdro on colored-digits, mlp"
    assert f"wgbench replay {WHERE}/{gdro.name}" in call["commit_description"]
    sent = {op.path_in_repo: op.path_or_fileobj for op in call["operations"]}
    assert sent.keys() == {f"{WHERE}/{gdro.name}/{name}" for name in (*schema.read(gdro).files, "entry.json")}
    assert json.loads(Path(sent[f"{WHERE}/{gdro.name}/entry.json"]).read_text())["id"] == gdro.name
    assert done.where == "pull request https://hub/pr/7"
    assert "hf download someone/board --repo-type dataset --revision refs/pr/7 --local-dir ." in done.review


def test_what_the_hub_says_is_one_line(gdro, monkeypatch):
    monkeypatch.setattr(publish, "_hub", lambda: Hub(OSError("401 Client Error\nRequest ID: 5")))
    with pytest.raises(SubmitFailed, match=r"to hf:someone/board: 401 Client Error; check the repository's name"):
        publish.submit(gdro, "hf:someone/board")
