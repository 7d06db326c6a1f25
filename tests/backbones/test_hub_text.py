"""text:<name>: models of the hub, here tiny ones in the hub's cache, with the network switched off."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="the extra `text` is not installed")

CHECK = """
import sys
from wgbench.checks import checks
for name in sys.argv[1:]:
    for check in checks("backbone", name):
        check()
        print(name, check)
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    from tiny_hub import write_hub

    cache = tmp_path_factory.mktemp("hub")
    return cache, write_hub(cache)


def python(cache, tmp_path, *words):
    environment = {**os.environ, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "WGBENCH_CACHE": str(tmp_path)}
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)


def test_known_architectures_keep_the_promises_of_a_backbone(hub, tmp_path):
    cache, names = hub
    done = python(cache, tmp_path, "-c", CHECK, *(f"text:{name}" for name in names))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6 * len(names)


def test_a_pretrained_model_is_finetuned_on_comments(hub, tmp_path):
    from layouts import write_civilcomments

    words = ["-m", "wgbench", "run", "erm", "civilcomments4", "--backbone", "text:tiny/bert", "--set", "recipe.lr=.003"]
    words += [
        "--set",
        "recipe.batch_size=12",
        "--set",
        "dataset.subset=true",
        "--seeds",
        "1",
        "--wd",
        "0",
        "--epochs",
        "40",
        "--jobs",
        "1",
        "--json",
    ]
    folder = write_civilcomments(tmp_path / "data" / "civilcomments")
    done = python(hub[0], tmp_path, *words, "--data-dir", str(folder), "--runs", str(tmp_path / "runs"))
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)
    assert entry["backbone"]["start"] == "pretrained"
    assert entry["cells"][0]["scores"]["train_acc_final"] > 0.9
    (manifest,) = Path(tmp_path).rglob("civilcomments/tokens/*/manifest.json")
    assert json.loads(manifest.read_text())["tokenizer"] == "hub:tiny/bert@main"


def test_a_model_that_the_hub_does_not_deliver(hub, tmp_path):
    done = python(hub[0], tmp_path, "-m", "wgbench", "check", "backbone", "text:tiny/none")
    assert done.returncode == 2
    assert "text:tiny/none@main: the hub did not deliver it" in done.stderr
    assert "or take --backbone bag --no-pretrained" in done.stderr
