"""Files for people and for hosting: they agree with the package, and what they name exists."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import wgbench

ROOT = Path(__file__).parents[1]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def workflow():
    return yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


def test_one_version_everywhere(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["project"]["version"] == wgbench.__version__ == citation["version"]
    assert citation["license"] == project["project"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_the_oldest_supported_python_is_tested_with_the_oldest_dependencies(project):
    rows = workflow()["jobs"]["test"]["strategy"]["matrix"]["include"]
    (oldest,) = [row["python"] for row in rows if row["resolution"] == "lowest-direct"]
    assert project["project"]["requires-python"] == f">={oldest}"
    unbounded = [d for d in project["project"]["dependencies"] if ">=" not in d]
    assert not unbounded, "the lowest version of these would be anything at all"


def test_commands_of_the_workflow_exist():
    from typer.main import get_command

    from wgbench.cli.main import app

    verbs = set(get_command(app).commands)
    steps = [step.get("run", "") for job in workflow()["jobs"].values() for step in job["steps"]]
    called = {verb for step in steps for verb in re.findall(r"(?:^|do )\s*wgbench ([a-z]+)", step, re.MULTILINE)}
    assert {"run", "suite", "leaderboard"} <= called <= verbs
    paths = {p for step in steps for p in re.findall(r"\btests/\S+", step)}
    assert all((ROOT / p).exists() for p in paths), paths


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_issue_forms_have_what_a_form_needs(path):
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert isinstance(form["blank_issues_enabled"], bool)
        return
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md"])
def test_links_between_files_lead_somewhere(name):
    targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / name).read_text())
    missing = [t for t in targets if "://" not in t and not (ROOT / t).exists()]
    assert not missing
