"""Other ways of computing the same training agree to the horizon: equivalent over paired seeds, with controls.

Equivalent: the 95 % intervals of the paired differences lie within half a point of average accuracy and two points of
worst-group accuracy, at the early window and over the last ten epochs.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch

from wgbench import datasets, planning
from wgbench.checks.toy import Memory
from wgbench.config import Recipe, Views
from wgbench.datasets.colored_digits import ColoredDigits
from wgbench.engine import fit, replicas
from wgbench.evaluation.intervals import student
from wgbench.launch import work
from wgbench.request import Request
from wgbench.types import Split

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

CPU = torch.device("cpu")
MARGINS = {"average": 0.005, "worst": 0.02}
WINDOWS = {"early": slice(10, 20), "final": slice(-10, None)}
SEEDS = (1, 2, 3, 4, 5)
DIGITS = Request("erm", "colored-digits", seeds=SEEDS, epochs=100, baseline=False, vectorize="off")
VIEWS = Views(size=8, flip=False, eval=(("resize", 8),))


class Lines(Memory):
    """Keeps the curves alone."""

    def due(self):
        return False


def trained(request, views=None, *, together=False):
    """Test scores (cells,) of a request's cells, by name and window."""
    (planned,) = planning.jobs([request])
    parts, cells = work.assemble(planned.jobs[0]), [job.cell for job in planned.jobs]
    if views is not None:
        recipe = cells[0].recipe.model_copy(update={"views": views})
        cells = [cell.model_copy(update={"recipe": recipe}) for cell in cells]
    sinks = [Lines() for _ in cells]
    if together:
        replicas.train(cells, parts, CPU, sinks)
    else:
        for cell, sink in zip(cells, sinks, strict=True):
            fit.train(cell, parts, CPU, sink)
    correct = torch.tensor([[line["test"]["correct"] for line in sink.lines] for sink in sinks]).double()
    total = parts.splits["test"].columns.sum(0).double()
    curves = {"average": correct.sum(2) / total.sum(), "worst": (correct / total).min(2).values}
    return {(s, w): curves[s][:, part].mean(1) for s in curves for w, part in WINDOWS.items()}


def differences(ours, theirs):
    """Intervals of the paired differences, by score and window."""
    return {name: student((ours[name] - theirs[name]).tolist()) for name in ours}


def equivalent(ours, theirs):
    found = differences(ours, theirs).items()
    return all(-MARGINS[s] <= d.low and d.high <= MARGINS[s] for (s, _), d in found)


def apart(ours, theirs):
    """Whether some mean difference is larger than its margin, and not by chance: more than not equivalent."""
    found = differences(ours, theirs).items()
    return any(abs(d.mean) > MARGINS[s] and d.low * d.high > 0 for (s, _), d in found)


@pytest.mark.parametrize("algorithm", ["erm", "iw", "gdro"])
def test_cells_together_are_equivalent_to_one_by_one(algorithm):
    request = replace(DIGITS, algorithm=algorithm, weight_decays=(0.0,))
    alone = trained(request)
    assert equivalent(trained(request, together=True), alone)
    other = trained(replace(request, settings={"recipe.lr": 0.04}), together=True)
    assert apart(other, alone)


def test_cells_together_are_equivalent_under_weight_decay():
    request = replace(DIGITS, algorithm="gdro", weight_decays=(0.1,))
    alone = trained(request)
    assert equivalent(trained(request, together=True), alone)
    assert apart(trained(replace(request, weight_decays=(0.05,)), together=True), alone)


def test_weighted_losses_are_no_sampling():
    """Control: equal in expectation, but with other examples in every batch: seeds differ beyond the margins."""
    iw, loss = (trained(replace(DIGITS, algorithm=a, weight_decays=(0.0,)), together=True) for a in ("iw", "iw-loss"))
    assert not equivalent(loss, iw)


@dataclass(frozen=True)
class Pixels(ColoredDigits):
    """The digits as bytes, to be cropped and resized by PIL."""

    recipe: ClassVar[Recipe] = Recipe(epochs=25, batch_size=128, lr=0.004, views=VIEWS)

    def load(self, root, split, preprocess):
        plain = super().load(root, split, preprocess)
        x = (plain.x.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        return Split(x, plain.label, plain.group, plain.n_classes, plain.n_groups)


def test_the_fast_pipeline_is_equivalent_to_the_reference():
    """A network with convolutions and BatchNorm, random crops; another range of crops is the control."""
    datasets.register("pixels", Pixels)
    request = Request(
        "gdro",
        "pixels",
        "cnn",
        seeds=SEEDS,
        weight_decays=(0.0,),
        baseline=False,
        precision="fp32",
        settings={"backbone.width": 16},
    )
    reference = trained(replace(request, pipeline="reference"))
    assert equivalent(trained(request), reference)
    assert apart(trained(request, VIEWS.model_copy(update={"scale": (0.3, 1.0)})), reference)
