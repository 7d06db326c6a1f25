"""Documentation: its commands exist and run, its pages follow from the code, nothing is missing."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command

import wgbench
from wgbench import suite_file
from wgbench.cli.main import app, outcome
from wgbench.datasets.folder import Folder
from wgbench.evaluation.scores import Scores
from wgbench.options import defaults
from wgbench.suite import Product, Suite

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md"))]


def blocks(text):
    """Code blocks, fenced or indented, as lines."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)
    indented = re.findall(r"(?:^    .*\n?)+", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return [line.strip() for block in [*fenced, *indented] for line in block.splitlines()]


def commands(path):
    """Every command of wgbench's in a page's code, and what is quoted in its text."""
    text = path.read_text(encoding="utf-8").replace("\\\n", "")  # lines that go on
    lines = [line.removeprefix("$ ") for line in blocks(text)] + re.findall(r"`(wgbench [^`]+)`", text)
    parts = (part.strip() for line in lines for part in re.split(r";|&&|\bdo\b", line.partition(" #")[0]))
    return [part for part in parts if re.match(r"wgbench [a-z]+( |$)", part)]


def parsed(words):
    """Parse a command line without running it; an error where it does not fit."""
    command, name = get_command(app), "wgbench"
    while hasattr(command, "commands"):
        if not words:
            return
        name, command = words[0], command.commands[words[0]]
        words = words[1:]
    if words:  # a verb that is only named has no arguments
        command.make_context(name, [re.sub(r"^[A-Z]$", "1", re.sub(r"<[^>]*>", "x", w)) for w in words])


ALL = sorted({(path.name, command) for path in PAGES if path.name != "CHANGELOG.md" for command in commands(path)})


def test_the_commands_are_found():
    assert ("tutorial.md", "wgbench new algorithm tilted") in ALL
    assert ("README.md", "wgbench run gdro colored-digits") in ALL
    assert len(ALL) > 40


@pytest.mark.parametrize(("page", "command"), ALL)
def test_every_command_in_the_docs_can_be_typed(page, command):
    words = shlex.split(command.replace("|", " "))[1:]
    if words[-1] in ("algorithm", "dataset", "backbone", "loss") or set(words) & {"algorithm|dataset|backbone|loss"}:
        return
    try:
        parsed([w for w in words if not w.startswith("[")])
    except KeyError as problem:
        pytest.fail(f"{page}: {command}: no verb {problem}")
    except Exception as problem:  # of the command line library, which has its own classes
        message = problem.format_message()
        if "Missing argument" not in message:  # in a text, a verb may be quoted with its option alone: `run --keep`
            pytest.fail(f"{page}: {command}: {message}")


def notebook():
    cells = json.loads((ROOT / "docs" / "tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def test_what_the_pages_make_takes_neither_each_others_names_nor_places():
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    made = set(re.findall(r"wgbench new algorithm ([\w-]+)$", tutorial, re.M))
    assert made
    assert made.isdisjoint(re.findall(r'register\("([^"]+)"', notebook()))
    assert re.findall(r'add_to\("([^"]+)"', notebook()) == ["runs/board"]  # git ignores runs/
    written = {folder.strip("`") for _, line in ALL for folder in re.findall(r"--out (\S+)", line)}
    assert "board-site" in written
    assert re.search(r"^site_dir: (.*)$", (ROOT / "mkdocs.yml").read_text(), re.M)[1] not in written


@pytest.mark.parametrize(
    "command",
    [
        "wgbench ls",
        "wgbench ls algorithms",
        "wgbench info gdro",
        "wgbench info waterbirds",
        "wgbench suite list",
        "wgbench data show colored-digits --out digits.png",
    ],
)
def test_quick_commands_run(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert outcome(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out


def test_every_score_is_defined():
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    defined = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.M))))
    assert set(Scores.model_fields) <= defined
    assert defined <= set(Scores.model_fields)


def test_every_field_of_a_suite_is_told_and_the_example_is_one(tmp_path):
    text = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.M))))
    assert told == set(Suite.model_fields) | set(Product.model_fields)
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text, re.S | re.M)
    (tmp_path / "mine.yaml").write_text(example, encoding="utf-8")
    assert [item.name for item in suite_file.read(tmp_path / "mine.yaml").items()] == [
        "erm on colored-digits, width 64",
        "gdro on colored-digits, width 64",
        "erm on colored-digits, width 1024",
        "gdro on colored-digits, width 1024",
        "subg on colored-digits, nothing to reweight",
    ]


def test_there_is_a_page_for_everything_registered(monkeypatch):
    import generate

    monkeypatch.setattr(generate, "pictures", dict)
    pages = generate.pages()
    for kind in ("algorithms", "datasets", "backbones", "losses"):
        registry = getattr(wgbench, kind).registry
        for name in (n for n in registry.names() if registry.listing(n).owner == "wgbench"):
            text = pages[f"{kind}/{generate.page_of(name)}.md"]
            assert text.startswith(f"# {name.replace('<', '&lt;')}\n")
            assert f"]({generate.page_of(name)}.md)" in pages[f"{kind}/index.md"]
    assert "| `nu` | `float`, > 0 | `0.01` |" in pages["algorithms/gdro.md"]
    assert "[gdro](gdro.md)" in pages["algorithms/gdro-balanced.md"]
    rows = json.loads((ROOT / "leaderboards" / "colored-digits-v1.json").read_text(encoding="utf-8"))["rows"]
    ids = [r["id"] for r in rows if r["kind"] == "measured" and r["algorithm"]["name"] == "gdro"]
    assert ids
    assert all(f"entry-{one}.html" in pages["algorithms/gdro.md"] for one in ids)
    assert "`train_group`" in pages["algorithms/gdro.md"]
    assert "| even-green | 25 | 46 | 153 |" in pages["datasets/colored-digits.md"]
    assert "CC BY 4.0" in pages["datasets/colored-digits.md"]
    assert "| group | train | val | test |\n| --- | --: | --: | --: |\n" in pages["datasets/colored-digits.md"]
    assert "| dominoes, cnn, partial |" in pages["algorithms/gdro.md"]
    assert "`name`" not in pages["backbones/timm.md"].partition("## Options")[2]  # it stands in `timm:<name>`
    assert "`epochs=5`" in pages["algorithms/jtt.md"]
    assert "## wgbench leaderboard submit" in pages["cli.md"]
    assert "# Contributing" in pages["contributing.md"]


def test_predictions_as_submitting_writes_them_are_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "submit.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    names = {}
    exec(code, names)
    assert names["train"].inputs.shape == (1000, 3, 8, 8)
    assert outcome(["score", "predictions.csv", "--dataset", "colored-digits"]) == 0
    assert "group even-red" in capsys.readouterr().out


def test_the_table_of_own_images_is_read_as_told(tmp_path, monkeypatch, capsys):
    text = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
    (head, *lines) = re.findall(r"^```text\n(.*?)^```", text, re.S | re.M)[0].splitlines()
    assert head.split(",") == re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert set(re.findall(r"`dataset\.(\w+)`", text)) == set(defaults(Folder))
    monkeypatch.chdir(tmp_path)
    for size, line in enumerate(lines, start=30):
        path = tmp_path / "photos" / line.partition(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (size, 2 * size)).save(path)
    (tmp_path / "photos" / "metadata.csv").write_text("\n".join([head, *lines]))
    assert outcome(["data", "show", "folder:photos"]) == 0
    assert "dog-outdoors" in capsys.readouterr().out


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    words = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "-d", str(tmp_path / "site")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "algorithms" / "gdro" / "index.html").read_text(encoding="utf-8")
    for link in re.findall(r'href="(../../board/[^"]+)"', page):
        assert (tmp_path / "site" / "algorithms" / "gdro" / link).resolve().is_file()
    assert (tmp_path / "site" / "datasets" / "colored-digits.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def shell(tmp_path):
    """Run lines of a page in an empty folder, with `wgbench` this one, and `pip` installing beside the environment."""
    tools, site = tmp_path / "tools", tmp_path / "site-packages"
    tools.mkdir()
    offline = f"-m pip install -q --no-deps --no-build-isolation --no-index --target {site}"
    pip = f'exec {sys.executable} {offline} "${{@: -1}}"'
    for name, line in (("wgbench", f'exec {sys.executable} -m wgbench "$@"'), ("pip", pip)):
        (tools / name).write_text(f"#!/bin/bash\n{line}\n")
        (tools / name).chmod((tools / name).stat().st_mode | stat.S_IEXEC)
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    work = tmp_path / "work"
    work.mkdir()

    def run(page):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        lines = [
            x.removeprefix("$ ")
            for b in re.findall(r"^```console\n(.*?)^```", text, re.S | re.M)
            for x in b.splitlines()
        ]
        for line in (x for x in lines if x != "pip install ."):
            done = subprocess.run(
                ["bash", "-ec", line], cwd=work, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return work

    return run


@pytest.mark.slow
def test_the_tutorial_ends_with_an_algorithm_of_ones_own_on_a_board(shell):
    work = shell("tutorial.md")
    assert (work / "report" / "report.html").is_file()
    table = (work / "board-site" / "colored-digits-v1" / "index.html").read_text(encoding="utf-8")
    assert "tilted" in table
    (entry,) = (work / "board" / "results" / "colored-digits-v1" / "mlp" / "tilted").iterdir()
    assert (work / "board" / "verified" / f"{entry.name}.json").is_file()


@pytest.mark.slow
def test_the_commands_of_the_first_page_and_of_submitting_run(shell):
    shell("index.md")
    work = shell("submit.md")
    (entry,) = (work / "kept" / "entries").iterdir()
    assert (work / "export" / entry.name / "model-seed2002-wd0.safetensors").is_file()
