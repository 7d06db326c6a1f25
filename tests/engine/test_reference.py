"""The fast pipeline against the field's own loop: the same pixels, the same numbers but for rounding."""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from wgbench import datasets, runs
from wgbench.checks.toy import Toy
from wgbench.config import Mode, Plugin, Recipe, Views
from wgbench.datasets.base import SPLITS
from wgbench.engine.ahead import ahead
from wgbench.engine.pictures import Pictures
from wgbench.engine.reference import Loader
from wgbench.launch import work
from wgbench.types import Preprocess, Split

VIEWS = Views(size=16, ratio=(1.0, 4 / 3), eval=(("resize", 20), ("crop", 16)))


@dataclass(frozen=True)
class Photos(Toy):
    """Toy's labels and groups, with 80 images of 18 x 22 pixels whose colours say the label."""

    recipe: ClassVar[Recipe] = Recipe(epochs=5, batch_size=20, lr=0.05, views=VIEWS)

    def load(self, root, split, preprocess):
        plain = super().load(root, split, preprocess)
        rng = np.random.default_rng(SPLITS.index(split))
        x = rng.integers(0, 200, (len(plain), 22, 18, 3))
        x[..., 0] += 40 * plain.label.numpy()[:, None, None]
        return Split(torch.from_numpy(x.astype(np.uint8)), plain.label, plain.group, plain.n_classes, plain.n_groups)


@pytest.fixture
def cell(toy_cell):
    datasets.register("photos", Photos)

    def make(pipeline, algorithm="gdro", backbone="cnn", **changes):
        plain = toy_cell(algorithm, backbone=backbone, **changes)
        recipe = Photos.recipe.model_copy(update=plain.recipe.model_dump(include=set(changes)))
        backbone = plain.backbone.model_copy(update={"options": {"width": 8}})
        changed = {"recipe": recipe, "dataset": Plugin(name="photos", version=Photos.version, options={})}
        return plain.model_copy(update={**changed, "backbone": backbone, "mode": Mode(pipeline=pipeline)})

    return make


def trained(job):
    work.run(job)
    folder = runs.folder(job.store, job.cell)
    return runs.read_lines(folder / runs.CURVES), runs.read_json(folder / runs.RESULT)


def compared(fast, reference):
    """The largest relative distance of losses after 20 steps, and whether all counts agree."""
    away = [abs(a - b) / max(1, b) for s in SPLITS for a, b in zip(fast[s]["loss"], reference[s]["loss"], strict=True)]
    away.append(abs(fast["loss_of_training"] - reference["loss_of_training"]))
    return max(away), all(fast[s]["correct"] == reference[s]["correct"] for s in SPLITS)


def after_20_steps(job):
    lines, _ = trained(job)
    assert len(lines) == 5  # of 80 // 20 steps
    return {**lines[-1], "loss_of_training": lines[-1]["weights"]["loss"]}


@pytest.mark.parametrize("algorithm", ["erm", "gdro", "cvar", "iw"])
def test_twenty_steps_are_the_same_within_rounding(algorithm, cell, job):
    fast, reference = (after_20_steps(job(cell(p, algorithm), store=p)) for p in ("fast", "reference"))
    away, counts = compared(fast, reference)
    assert away < 1e-5
    assert counts
    assert json.dumps(fast["test"]["predicted"]) == json.dumps(reference["test"]["predicted"])


def test_other_crops_are_seen_to_differ(cell, job, monkeypatch):
    """Control: with another resampling, or crops of other visits, twenty steps are far apart."""
    reference = after_20_steps(job(cell("reference"), store="reference"))
    plain = Pictures.train
    monkeypatch.setattr(Pictures, "train", lambda self, index, crops: plain(self, index, crops).roll(1, 3))
    shifted = after_20_steps(job(cell("fast"), store="shifted"))
    assert compared(shifted, reference)[0] > 1e-4
    monkeypatch.setattr(Pictures, "train", lambda self, index, crops: plain(self, index, crops[::-1]))
    others = after_20_steps(job(cell("fast"), store="others"))
    assert compared(others, reference)[0] > 1e-4


def test_the_pipeline_is_a_part_of_the_id_and_each_repeats(cell, job):
    assert cell("fast").id != cell("reference").id
    for pipeline in ("fast", "reference"):
        a, b = (trained(job(cell(pipeline, epochs=2), store=f"{pipeline} {k}"))[1]["model"] for k in range(2))
        assert a == b


def test_tables_take_the_reference_loop_too(toy_cell, job):
    plain = toy_cell(epochs=2)
    reference = plain.model_copy(update={"mode": Mode(pipeline="reference")})
    (a, _), (b, _) = trained(job(plain, "a")), trained(job(reference, "b"))
    assert a[-1]["test"]["acc_loss"] == pytest.approx(b[-1]["test"]["acc_loss"], rel=1e-5)
    assert a[-1]["val"]["class_correct"] == b[-1]["val"]["class_correct"]


def test_both_pipelines_see_the_same_pixels_in_the_same_order():
    x = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (9, 22, 18, 3), dtype=np.uint8))
    prepare = Preprocess((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    plain = (x, VIEWS.model_copy(update={"jitter": 0.3}), prepare, torch.device("cpu"), torch.float32)
    fast, reference = Pictures(*plain), Loader(*plain)
    visits = torch.tensor([3, 3, 0, 8, 1, 2, 4])
    crops = fast.crops(visits, 5, 6)
    a, b = (list(i.training(visits, i.crops(visits, 5, 6), 3)) for i in (fast, reference))
    assert [len(x) for x in a] == [3, 3, 1]
    assert torch.equal(torch.cat(a), torch.cat(b))
    assert torch.equal(fast.train(visits, crops), reference.train(visits, crops))
    assert torch.equal(torch.cat(list(fast.evaluation())), torch.cat(list(reference.evaluation())))
    assert torch.equal(fast.eval(visits[:2]), reference.eval(visits[:2]))


def test_loading_does_not_disturb_the_random_numbers_of_training():
    x = torch.zeros(4, 20, 20, 3, dtype=torch.uint8)
    loader = Loader(x, VIEWS, Preprocess(), torch.device("cpu"), torch.float32)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    list(loader.evaluation())
    assert torch.equal(torch.rand(1), expected)


def test_what_is_made_ahead_comes_in_order_and_its_errors_arrive():
    assert list(ahead(lambda k: k * k, range(5))) == [0, 1, 4, 9, 16]
    assert list(ahead(lambda k: k, [])) == []

    def failing(k):
        if k == 2:
            raise ValueError("no such image")
        return k

    made = ahead(failing, range(4))
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ValueError, match="no such image"):
        next(made)
