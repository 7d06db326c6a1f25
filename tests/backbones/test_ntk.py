import math

import pytest
import torch

from wgbench import backbones, runs
from wgbench.backbones.linearized import jacobian
from wgbench.config import Plugin
from wgbench.engine.refit import replaced_head
from wgbench.errors import AlgorithmFailed, MissingWeights
from wgbench.launch import work
from wgbench.types import Spec

VECTOR, IMAGE = Spec((6,), 1), Spec((3, 8, 8), 1)


def test_ntk_mlp_is_equation_8():
    network = backbones.make("ntk-mlp", width=5, depth=2, beta=0.3, last="gaussian").build(VECTOR)
    x, p = torch.randn(4, 6), dict(network.named_parameters())
    h1 = x @ p["hidden.0.weight"].T / math.sqrt(6) + 0.3 * p["hidden.0.bias"]
    h2 = torch.erf(h1) @ p["hidden.1.weight"].T / math.sqrt(5) + 0.3 * p["hidden.1.bias"]
    out = torch.erf(h2) @ p["head.weight"].T / math.sqrt(5) + 0.3 * p["head.bias"]
    assert torch.allclose(network(x), out, atol=1e-6)


def test_ntk_mlp_starts_as_equation_9_or_with_a_gaussian_last_layer():
    torch.manual_seed(0)
    zero = backbones.make("ntk-mlp", width=400).build(VECTOR)
    gaussian = backbones.make("ntk-mlp", width=400, last="gaussian").build(VECTOR)
    assert torch.equal(zero.head.weight, torch.zeros(1, 400))
    for entries in (zero.hidden[0].weight, zero.hidden[0].bias, gaussian.head.weight):
        assert abs(float(entries.std()) - 1) < 0.1
    x = torch.randn(3, 6)
    assert torch.allclose(zero(x), 0.1 * zero.head.bias)  # f(0) = beta b^L, everywhere


def test_ntk_mlp_has_nothing_pretrained():
    with pytest.raises(MissingWeights, match="ntk-mlp"):
        backbones.make("ntk-mlp").build(Spec((6,), 1, pretrained=True))


def test_a_refitted_head_of_ntk_mlp_gives_the_logits_that_it_was_fitted_to_give():
    network = backbones.make("ntk-mlp", width=5).build(Spec((6,), 2))
    x, weight, bias = torch.randn(4, 6), torch.randn(2, 5), torch.randn(2)
    with replaced_head(network.head, (weight, bias)), torch.no_grad():
        assert torch.allclose(network(x), network.features(x) @ weight.T + bias, atol=1e-6)


def test_a_network_without_a_linear_head_cannot_be_refitted():
    network = backbones.make("linearized:mlp").build(IMAGE)
    with (
        pytest.raises(AlgorithmFailed, match="no linear head; take another --backbone"),
        replaced_head(network.head, (torch.zeros(1, 1), torch.zeros(1))),
    ):
        pass


@pytest.mark.parametrize("name", ["mlp", "cnn", "ntk-mlp"])
def test_linearized_is_equation_6(name):
    torch.manual_seed(3)
    network = backbones.make(name, width=4).build(IMAGE).double().eval()
    torch.manual_seed(3)
    tangent = backbones.make(f"linearized:{name}", options={"width": 4}).build(IMAGE).double()
    x, move = torch.randn(2, *IMAGE.shape).double(), []
    assert torch.allclose(tangent(x), network(x), atol=1e-12)
    with torch.no_grad():
        for parameter in tangent.network.parameters():
            move.append(torch.randn_like(parameter))
            parameter += move[-1]
    value, gradient = jacobian(network, x)
    expected = value + gradient @ torch.cat([m.flatten() for m in move])
    with torch.inference_mode():  # as the engine evaluates
        assert torch.allclose(tangent.train()(x)[:, 0], expected, rtol=1e-8)


def test_linearized_passes_the_options_of_the_backbone_inside_and_is_convolutional_where_that_is():
    assert backbones.make("linearized:cnn").convolutional
    assert not backbones.make("linearized:mlp", options={"width": 7}).convolutional
    tangent = backbones.make("linearized:mlp", options={"width": 7}).build(VECTOR)
    assert [tuple(p.shape) for p in tangent.parameters()] == [(7, 6), (7,), (1, 7), (1,)]


def test_linearized_batch_norm_keeps_the_statistics_it_starts_with():
    tangent = backbones.make("linearized:cnn", options={"width": 4}).build(IMAGE).train()
    before = {k: v.clone() for k, v in tangent.state_dict().items()}
    x = torch.randn(4, 3, 8, 8)
    assert torch.allclose(tangent(x)[:1], tangent(x[:1]), atol=1e-5)
    assert all(torch.equal(before[k], v) for k, v in tangent.state_dict().items())


def test_linearized_networks_train_in_the_engine(toy_cell, job):
    inner = Plugin(name="linearized:mlp", version=1, options={"backbone": "mlp", "options": {"width": 8}})
    cell = toy_cell(epochs=3).model_copy(update={"backbone": inner})
    work.run(job(cell))
    lines = runs.read_lines(runs.folder(job(cell).store, cell) / runs.CURVES)
    losses = [sum(line["train"]["loss"]) for line in lines]
    assert losses == sorted(losses, reverse=True)
