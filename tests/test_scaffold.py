"""Packages that `wgbench new` writes: they pass their own tests, and nothing is overwritten."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from wgbench import scaffold
from wgbench.cli.main import outcome

# Half of them are names of something else in their modules.
NAMES = {"algorithm": "Half_Way", "dataset": "recipe", "backbone": "net", "loss": "soft-2"}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """One of each kind."""
    monkeypatch.chdir(tmp_path)
    return {kind: scaffold.write(kind, name).resolve() for kind, name in NAMES.items()}


def installed(folders, site):
    """What pip would leave behind: metadata with entry points, and where the modules are."""
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        about = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        about.mkdir(parents=True)
        lines = (f"Name: {project['name']}", f"Version: {project['version']}", f"Summary: {project['description']}")
        (about / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
        groups = [
            f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
            for group, points in project["entry-points"].items()
        ]
        (about / "entry_points.txt").write_text("\n".join(groups))
    given = os.environ.get("PYTHONPATH")
    paths = [site, *(folder / "src" for folder in folders), *([given] if given else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "COLUMNS": "200"}


def python(*words, **how):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, **how)


def test_packages_of_every_kind_pass_the_tests_that_they_come_with(packages, tmp_path):
    environment = installed(packages.values(), tmp_path / "site")
    tests = [str(folder / "tests") for folder in packages.values()]
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(python("-m", "wgbench", "ls", "--json", env=environment).stdout)
    for kind, name in (("algorithms", "half-way"), ("datasets", "recipe"), ("backbones", "net")):
        (row,) = [row for row in listed[kind] if row["name"] == name]
        assert row["owner"] == f"wgbench-{name} 0.1.0"
        assert row["summary"].endswith(".")


def test_the_commands_of_the_read_me_run(packages, tmp_path):
    environment = installed(packages.values(), tmp_path / "site")
    quick = ["--epochs", "2", "--jobs", "1", "--no-baseline", "--json"]
    text = (packages["dataset"] / "README.md").read_text()
    (command,) = [line.split() for line in text.splitlines() if line.strip().startswith("wgbench run")]
    assert command == ["wgbench", "run", "gdro", "recipe", "--seeds", "2002", "--wd", "0"]
    done = python("-m", *command, *quick, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dataset"]["counts"]["train"]["total"] == [190, 10, 10, 190]


def test_files_are_what_their_readers_take(packages):
    for kind, folder in packages.items():
        project = tomllib.loads((folder / "pyproject.toml").read_text())
        assert project["project"]["dependencies"] == ["wgbench>=0.1"]
        steps = yaml.safe_load((folder / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]["steps"]
        assert {"run": f"wgbench check {kind} {scaffold.normalise(NAMES[kind])}"} in steps
    assert (
        "class HalfWay(Algorithm)" in (packages["algorithm"] / "src" / "wgbench_half_way" / "__init__.py").read_text()
    )
    folders = [str(folder) for folder in packages.values()]
    for words in (["check", "--select", "E,F,I,UP,B,RUF100"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--no-cache", *folders], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["algorithm", "gdro"], "wgbench has that name; choose another name"),
        (["algorithm", "../up"], "no name; take letters, digits and dashes"),
        (["algorithm", "a b"], "no name"),
        (["algorithm", "2fast"], "a letter first: my-method"),
        (["algorithm", "-"], "no name"),
        (["dataset", "class"], "no name"),
        (["dataset", "folder"], "wgbench has that name"),
        (["backbone", "resnet18"], "wgbench has that name"),
        (["algoritm", "mine"], "did you mean algorithm?"),
        (["loss", "mine", "--out", "there"], "there exists; choose another folder with --out"),
        (["loss", "mine", "--out", "file/below"], "choose another folder with --out"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    assert outcome(["new", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "there"]
    assert not list((tmp_path / "there").iterdir())


def test_the_verb_says_what_it_wrote_and_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert outcome(["new", "algorithms", "mine"]) == 0
    *files, _, now = capsys.readouterr().out.splitlines()
    assert all(Path(file).is_file() for file in files)
    assert now == "now: pip install -e 'wgbench-mine[test]' && pytest wgbench-mine"


@pytest.mark.slow
def test_a_package_installs_with_pip_and_runs(packages, tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", tmp_path / "site", packages["algorithm"]], check=True)
    given = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *([given] if given else [])]),
    }
    words = ["run", "half-way", "colored-digits", "--seeds", "1", "--wd", "0", "--epochs", "3", "--set", "tilt=2"]
    done = python("-m", "wgbench", *words, "--no-baseline", "--json", env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["algorithm"]["distribution"] == "wgbench-half-way 0.1.0"
    tests = python("-m", "pytest", "-q", str(packages["algorithm"] / "tests"), env=environment)
    assert tests.returncode == 0, tests.stdout
