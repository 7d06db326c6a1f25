"""What a run depends on beside its specification, as far as it can be told."""

import subprocess
from importlib import metadata

import torch

from wgbench.launch import environment
from wgbench.launch.environment import REVISION, device_name, revision


def test_the_revision_of_a_checkout_tells_changes(tmp_path, monkeypatch):
    monkeypatch.delenv(REVISION, raising=False)
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "wgbench" / "launch" / "environment.py"))
    assert revision.__wrapped__() is None, "an installed package has none"
    (tmp_path / "wgbench").mkdir()
    (tmp_path / "wgbench" / "a.py").write_text("1")

    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        return subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True, text=True)

    git("init", "-q")
    assert revision.__wrapped__() is None, "no commit yet"
    git("add", "-A")
    git("commit", "-qm", "first")
    head = git("rev-parse", "--short=12", "HEAD").stdout.strip()
    assert revision.__wrapped__() == head
    (tmp_path / "notes.txt").write_text("beside the package")
    assert revision.__wrapped__() == head
    (tmp_path / "wgbench" / "a.py").write_text("2")
    assert revision.__wrapped__() == f"{head}+"
    monkeypatch.setenv("PATH", str(tmp_path))  # no git there
    assert revision.__wrapped__() is None


def test_workers_elsewhere_are_told_the_revision(monkeypatch):
    monkeypatch.setenv(REVISION, "0123456789ab+")
    assert revision.__wrapped__() == "0123456789ab+"
    monkeypatch.setenv(REVISION, "")  # the driver's package is an installed one
    assert revision.__wrapped__() is None


def test_packages_that_are_not_there_have_no_version(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    found = environment.environment(torch.device("cpu"), 3, deterministic=True)
    assert found["packages"] == {"torch": metadata.version("torch"), "no-such-package": None}
    assert (found["threads"], found["deterministic"]) == (3, True)


def test_a_processor_has_a_name_whatever_the_system_tells(monkeypatch, tmp_path):
    assert device_name(torch.device("cpu")).endswith(" (CPU)")
    assert device_name(torch.device("mps")) == "mps"
    monkeypatch.setattr(environment, "Path", lambda _: tmp_path / "no-cpuinfo")
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert environment._processor.__wrapped__() == "riscv64"
