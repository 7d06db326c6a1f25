"""Which precision `auto` comes to: by what was begun, by what is known of the machine, by a trial."""

import json

import pytest

from wgbench import numerics, runs
from wgbench.drafting import foreseen
from wgbench.engine import probe
from wgbench.engine.probe import Trial
from wgbench.errors import BadOption
from wgbench.request import Request


@pytest.fixture
def request_at(tmp_path, monkeypatch):
    """Requests for a small convolutional network at 64 pixels; `asked` counts trials and holds their outcome."""
    monkeypatch.setenv("WGBENCH_CACHE", str(tmp_path / "cache"))

    def make(size=64, **changes):
        settings = {"recipe.views.size": size, "recipe.views.eval": [["resize", size]], "backbone.width": 4}
        given = {"backbone": "cnn", "device": "cpu", "store": tmp_path / "runs", **changes}
        return Request("erm", "waterbirds-synthetic", settings=settings, **given)

    return make


@pytest.fixture
def asked(monkeypatch):
    found = {"times": 0, "trial": Trial(fp32=2.0, bf16=1.0)}

    def trial(*_):
        found["times"] += 1
        return found["trial"]

    monkeypatch.setattr(probe, "trial", trial)
    return found


def precision(request):
    return foreseen(request).mode.precision


def test_bf16_has_to_be_faster_by_a_clear_margin():
    assert Trial(fp32=1.2, bf16=1.0).pays
    assert not Trial(fp32=1.19, bf16=1.0).pays


def test_the_trial_is_run_once_per_machine_network_and_size(request_at, asked):
    assert precision(request_at()) == "bf16"
    asked["trial"] = Trial(1.0, 1.0)  # a machine that is busy now: the answer is known already
    assert precision(request_at()) == "bf16"
    assert asked["times"] == 1
    assert precision(request_at(size=96)) == "fp32"
    assert precision(request_at(threads=2)) == "fp32"
    assert asked["times"] == 3


def test_what_the_options_settle_needs_no_trial(request_at, asked):
    assert precision(request_at(precision="bf16")) == "bf16"
    assert precision(request_at(precision="fp32")) == "fp32"
    assert precision(request_at(size=32)) == "fp32"
    assert precision(request_at(pipeline="reference")) == "fp32"
    assert foreseen(request_at(pipeline="reference")).mode.pipeline == "reference"
    assert precision(Request("erm", "colored-digits", device="cpu")) == "fp32"
    assert asked["times"] == 0


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16"), (False, "fp32")])
def test_gpus_are_asked_and_not_tried(request_at, asked, monkeypatch, supported, expected):
    elsewhere = {"device": "cuda", "launcher": "slurm", "launcher_options": {"cluster": "local"}}
    with pytest.raises(BadOption, match=r"GPUs of --launcher slurm do best cannot be tried from here; take --precisi"):
        foreseen(request_at(**elsewhere))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: supported)
    assert precision(request_at(**elsewhere)) == expected
    assert asked["times"] == 0


def test_runs_that_were_begun_go_on_as_they_were_begun(request_at, asked):
    begun = foreseen(request_at(precision="fp32"))
    folder = runs.folder(request_at().store, begun.cells()[1])
    folder.mkdir(parents=True)
    (folder / runs.CELL).write_text("{}")
    assert precision(request_at()) == "fp32"  # the trial would say otherwise
    assert asked["times"] == 0
    assert precision(request_at(seeds=(7,))) == "bf16"  # none of its cells was begun


def test_a_damaged_memory_is_made_again(request_at, asked, tmp_path):
    precision(request_at())
    file = tmp_path / "cache" / numerics.FILE
    (key,) = json.loads(file.read_text())
    for content in ("", "[]", json.dumps({key: {"precision": "fp7"}}), json.dumps({key: 1})):
        file.write_text(content)
        assert precision(request_at()) == "bf16"
    assert asked["times"] == 5


def test_a_trial_leaves_threads_and_random_numbers_alone(request_at):
    import torch

    from wgbench.backbones.small import CNN
    from wgbench.types import Spec

    torch.manual_seed(3)
    expected, threads = torch.rand(1), torch.get_num_threads()
    torch.manual_seed(3)
    found = probe.trial(lambda: CNN(width=4).build(Spec((3, 64, 64), 2)), 64, 1)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads
    assert found.fp32 > 0
    assert found.bf16 > 0
