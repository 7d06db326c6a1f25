"""The small parts that an epoch is made of, timed one by one.

    pytest benchmarks --benchmark-only

`make test` does not come here. What two ways compute must be equal before either is timed.
"""

import numpy as np
import pytest
import torch

from wgbench import algorithms, backbones, losses
from wgbench.config import Mode, Recipe, Views
from wgbench.datasets.synthetic import SyntheticWaterbirds
from wgbench.engine import stream
from wgbench.engine.crops import drawn
from wgbench.engine.optimizer import Optimizer
from wgbench.engine.pil import training_view
from wgbench.engine.resample import boxes, resized
from wgbench.engine.step import forward
from wgbench.engine.stream import For
from wgbench.engine.update import Update
from wgbench.evaluation.metrics import tally
from wgbench.types import Batch, Sampling, Spec, Split

HERE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH, SIDE = 16, 64
VIEWS = Views(size=SIDE, eval=(("resize", SIDE),))


@pytest.fixture(scope="module")
def photographs():
    """Images (B, 256, 256, 3) and one crop of each."""
    x = SyntheticWaterbirds().sample(BATCH, 0).x
    return x, drawn(np.full(BATCH, 256), np.full(BATCH, 256), VIEWS, 1, 2)


def by_pil(x, crops):
    return torch.from_numpy(np.stack([training_view(one.numpy(), crops, k, SIDE) for k, one in enumerate(x)]))


def in_a_batch(data, box, compiled=False):
    out = resized(data, box, SIDE, 3, 256, compiled=compiled)
    if out.is_cuda:
        torch.cuda.synchronize()
    return out


def test_crops_by_pil(benchmark, photographs):
    benchmark(by_pil, *photographs)


def test_crops_in_a_batch(benchmark, photographs):
    x, crops = photographs
    offset = torch.arange(BATCH, device=HERE) * x[0].numel()
    box, data = boxes(crops, offset, torch.full((BATCH,), 256, device=HERE), 3), x.reshape(-1).to(HERE)
    assert torch.equal(in_a_batch(data, box).cpu(), by_pil(x, crops))
    benchmark(in_a_batch, data, box)


def network():
    torch.manual_seed(0)
    return backbones.make("resnet18").build(Spec((3, SIDE, SIDE), 2)).to(HERE, memory_format=torch.channels_last)


def batch():
    x = torch.randn(BATCH, 3, SIDE, SIDE, device=HERE).to(memory_format=torch.channels_last)
    index = torch.arange(BATCH, device=HERE)
    return x, Batch(index, index % 2, index % 4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("algorithm", ["erm", "gdro"])
def test_step(benchmark, algorithm, precision):
    networks = torch.nn.ModuleList([network().train()])
    rule, loss = algorithms.make(algorithm), losses.make("cross-entropy")
    x, examples = batch()
    split = Split(x, examples.label, examples.group, n_classes=2, n_groups=4)
    optimizer = Optimizer(list(networks.parameters()), Recipe(epochs=1, batch_size=BATCH, lr=1e-3), 1)
    state = {k: v.to(HERE) for k, v in rule.init(split).items()}
    update = Update(networks, rule, loss, optimizer, Mode(precision=precision), (state, {}), same_shapes=True)
    benchmark(lambda: update(x, examples, 1, 0)[0].sum().item())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_evaluation(benchmark, precision):
    evaluated, (x, _) = network().eval(), batch()

    @torch.inference_mode()
    def evaluate():
        return forward(evaluated, x, Mode(precision=precision)).sum().item()

    benchmark(evaluate)


def test_index_and_crops_of_an_epoch(benchmark):
    """The order of Waterbirds' 4,795 training images, and a crop for each."""
    sampling, size = Sampling(torch.ones(4795, dtype=torch.int64)), np.full(4736, 432)

    def epoch():
        order = stream.order(sampling, 4736, 2002, 1, 1, For.ORDER)
        return order, drawn(size, size, VIEWS, 2002, 1, 1, For.CROPS)

    order, crops = benchmark(epoch)
    assert len(order.unique()) == len(crops.top) == 4736


@pytest.mark.parametrize("groups", [4, 256])
def test_counts_per_group(benchmark, groups):
    n = 5794
    index = torch.arange(n, device=HERE)
    split = Split(torch.zeros(n, 1), (index % 2).cpu(), (index % groups).cpu(), n_classes=2, n_groups=groups)
    counts, logits = tally(split, torch.device(HERE)), torch.randn(n, 2, device=HERE)
    line, _ = benchmark(lambda: counts.count(logits, logits[:, 0]))
    assert len(line["correct"]) == groups
