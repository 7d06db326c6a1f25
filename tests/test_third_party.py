"""A package of somebody else's, installed with pip, is found by its entry point."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "tilted-erm"
version = "0.3"
description = "Tilted ERM."
[project.entry-points."wgbench.algorithms"]
tilted = "my_package:Tilted"
[tool.hatch.build.targets.wheel]
include = ["my_package.py"]
"""


def example():
    """The module that CONTRIBUTING.md shows."""
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
    block = re.search(r"    # my_package\.py\n(.*?)\n    # pyproject\.toml", text, re.S).group(1)
    return "\n".join(line.removeprefix("    ") for line in block.splitlines())


def test_the_example_of_contributing_installs_and_runs(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "my_package.py").write_text(example())
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", tmp_path / "site", source], check=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def wgbench(*words):
        command = [sys.executable, "-m", "wgbench", *words]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "tilted-erm 0.3" in wgbench("ls", "algorithms")
    words = ["--seeds", "1", "--wd", "0", "--epochs", "3", "--set", "tilt=2", "--no-baseline", "--json"]
    entry = json.loads(wgbench("run", "tilted", "colored-digits", *words, "--jobs", "2"))
    assert entry["algorithm"]["distribution"] == "tilted-erm 0.3"
    assert entry["algorithm"]["options"] == {"tilt": 2.0}
    assert entry["scores"]["wga_selected"] is not None
    assert "FAIL" not in wgbench("check", "algorithm", "tilted")
