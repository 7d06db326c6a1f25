"""A step as one program: the same updates as step by step, made once, without a trace of warming up."""

import pytest
import torch

from wgbench import runs
from wgbench.config import Mode
from wgbench.engine import step
from wgbench.engine.prepared import prepared
from wgbench.engine.update import Update
from wgbench.engine.whole import Captured, warmed_up
from wgbench.launch import work


def result(job):
    work.run(job)
    return runs.read_json(runs.folder(job.store, job.cell) / runs.RESULT)


@pytest.fixture
def uncompiled(monkeypatch):
    """Compiled modes with features as they are: what is left are the whole steps."""
    monkeypatch.setattr(step, "compiled_features", lambda: lambda network, x: network.features(x))


def compiled(cell):
    return cell.model_copy(update={"mode": Mode(compiled=True)})


@pytest.mark.parametrize("algorithm", ["erm", "gdro", "lff", "cvar-doro", "jtt"])
def test_whole_steps_are_bit_for_bit_those_of_the_loop(algorithm, toy_cell, job, uncompiled):
    cell = toy_cell(algorithm, epochs=6, **({"up": 2} if algorithm == "jtt" else {}))
    plain, captured = result(job(cell, "plain")), result(job(compiled(cell), "whole"))
    assert captured["model"] == plain["model"]
    assert captured["weights_settle"] == plain["weights_settle"]


def test_a_step_is_captured_only_where_all_are_alike(toy_cell, job, uncompiled, monkeypatch):
    """What depends on the epoch or on a changing rate must not be frozen into a program."""
    seen = []
    plain = Update.__init__

    def noted(self, *given, **options):
        plain(self, *given, **options)
        seen.append(self.step is not None)

    monkeypatch.setattr(Update, "__init__", noted)
    for changes in ({}, {"schedule": "cosine"}, {"warmup_epochs": 1}, {"optimizer": "adamw"}, {"loss": "ldam"}):
        result(job(compiled(toy_cell(epochs=2, **changes)), str(changes)))
    result(job(toy_cell(epochs=2), "eager"))
    assert seen == [True, False, False, False, False, False]


def test_warming_up_leaves_no_trace():
    held = {"there": torch.ones(2)}

    def call():
        held["there"] += torch.rand(2)
        held.setdefault("made", torch.zeros(2)).add_(1)

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    warmed_up(call, lambda: held)
    assert held["there"].tolist() == [1, 1]
    assert held["made"].tolist() == [0, 0]
    assert torch.equal(torch.rand(1), expected)


def test_cells_of_a_queue_share_what_is_prepared(toy_cell, job):
    a, b = job(toy_cell(seed=1)), job(toy_cell("gdro", seed=2))
    parts = work.assemble(a)
    first = prepared(a.cell, parts, torch.device("cpu"))
    assert prepared(b.cell, work.assemble(b), torch.device("cpu")) is first
    other = compiled(a.cell)
    assert prepared(other, parts, torch.device("cpu")) is not first


@pytest.mark.slow
def test_compiled_cells_agree_within_rounding_and_compile_once(toy_cell, job):
    from torch._dynamo.utils import counters

    def cell(seed, mode):
        return toy_cell("gdro", seed=seed, epochs=5).model_copy(update={"mode": mode})

    def last(job):
        result(job)
        return runs.read_lines(runs.folder(job.store, job.cell) / runs.CURVES)[-1]["test"]["acc_loss"]

    counters.clear()
    first = last(job(cell(1, Mode(compiled=True)), "a"))
    graphs = counters["stats"]["unique_graphs"]
    assert graphs > 0
    assert last(job(cell(1, Mode(compiled=True)), "again")) == first
    last(job(cell(2, Mode(compiled=True)), "other"))
    assert counters["stats"]["unique_graphs"] == graphs
    assert first == pytest.approx(last(job(cell(1, Mode()), "plain")), rel=1e-5)


# What needs a GPU. None of this has run on one yet.


@pytest.mark.gpu
def test_a_captured_function_replays_and_puts_back_what_it_held():
    total = torch.zeros(2, device="cuda")

    def add(x):
        total.add_(x)
        return (total * 2,)

    captured = Captured(add, lambda: {"total": total})
    assert captured(torch.ones(2, device="cuda"))[0].tolist() == [2, 2]
    assert captured(torch.full((2,), 3.0, device="cuda"))[0].tolist() == [8, 8]
    assert captured.graph is not None


@pytest.mark.gpu
@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("algorithm", ["erm", "gdro", "cvar", "chi2", "cvar-doro", "label-cvar", "lff", "iw-loss"])
def test_no_step_waits_for_the_gpu(algorithm, captured, toy_cell, job, monkeypatch):
    """Between the copies at an epoch's start and its end, nothing is read back."""
    plain = Update.__call__

    def strict(self, x, batch, epoch, done):
        if epoch == 1:  # compiling and capturing may wait
            return plain(self, x, batch, epoch, done)
        torch.cuda.set_sync_debug_mode("error")
        try:
            return plain(self, x, batch, epoch, done)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Update, "__call__", strict)
    cell = toy_cell(algorithm, epochs=3)
    result(job(compiled(cell) if captured else cell, device="cuda"))


@pytest.mark.gpu
def test_crops_on_a_gpu_are_pils_and_wait_for_nothing():
    import numpy as np

    from wgbench.config import Views
    from wgbench.engine.on_device import OnDevice
    from wgbench.engine.pictures import Pictures
    from wgbench.types import Preprocess

    views = Views(size=64, ratio=(1.0, 4 / 3), eval=(("resize", 64),))
    x = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (32, 218, 178, 3), dtype=np.uint8))
    given = (x, views, Preprocess((0.0,) * 3, (1.0,) * 3))
    here = Pictures(*given, torch.device("cpu"), torch.float32)
    visits = torch.arange(32)
    crops = here.crops(visits, 1, 2)
    for fused in (False, True):
        there = OnDevice(*given, torch.device("cuda"), torch.float32, compiled=fused)
        box = there.boxes(visits, crops)
        there.cropped(box)  # compiled now
        torch.cuda.set_sync_debug_mode("error")
        try:
            seen = there.cropped(box)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert torch.equal(seen.cpu(), here.train(visits, crops))


@pytest.mark.gpu
def test_a_gpu_resumes_and_repeats_in_deterministic_mode(toy_cell, job):
    a, b = (result(job(toy_cell("gdro"), store, device="cuda", deterministic=True)) for store in "ab")
    assert a["model"] == b["model"]
