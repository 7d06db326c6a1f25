"""Many `ntk-mlp` networks side by side: forward, backward and tangent kernel as batched matrix products.

Equal to the backbone's own forward and to autograd (tests), several times faster. Points are columns.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from wgbench.backbones.ntk import NTKMLP, NTKNetwork
from wgbench.engine import stream
from wgbench.engine.stream import For
from wgbench.types import Spec

# A mean over units that is small forces the features to move: without the factor the limits of ERM and IW still
# approach each other at the widths that a CPU can train.
MEAN_FIELD = 0.25
Scaling = Literal["ntk", "mean-field"]


@dataclass(frozen=True)
class Trace:
    """What a forward pass leaves for the backward one; inputs and slopes of all layers."""

    inputs: list[Tensor]  # x^l / sqrt(d_l), (S, d_l, N) or (d_0, N)
    slopes: list[Tensor]  # sigma'(h^l) of the hidden layers, (S, d_l, N)
    outputs: Tensor  # (S, N)


class Stack:
    """S networks of one shape. Mean-field scaling multiplies the output by MEAN_FIELD / sqrt(d): a mean over units."""

    def __init__(self, weights: list[Tensor], biases: list[Tensor], beta: float, scale: float) -> None:
        self.weights, self.biases = weights, biases  # (S, d_{l+1}, d_l), (S, d_{l+1}, 1)
        self.beta, self.scale = beta, scale

    def forward(self, x: Tensor) -> Trace:
        """Points (d_0, N) to outputs, with what the backward pass needs."""
        inputs, slopes = [], []
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x / math.sqrt(x.shape[-2])
            inputs.append(x)
            h = torch.matmul(weight, x).add_(bias, alpha=self.beta)
            if layer < len(self.weights) - 1:
                x = torch.erf(h)
                slopes.append((-h * h).exp_().mul_(2 / math.sqrt(math.pi)))
        return Trace(inputs, slopes, self.scale * h[:, 0])

    def outputs(self, x: Tensor) -> Tensor:
        """Points (d_0, N) to outputs (S, N)."""
        return self.forward(x).outputs

    def backward(self, trace: Trace, above: Tensor) -> list[Tensor]:
        """Gradients in h^1 .. h^{L+1}, (S, d_l, N) each, from those in the outputs (S, N)."""
        deltas = [self.scale * above[:, None]]
        for weight, slope, x in zip(self.weights[:0:-1], trace.slopes[::-1], trace.inputs[:0:-1], strict=True):
            deltas.append(torch.matmul(weight.transpose(1, 2), deltas[-1]).mul_(slope).div_(math.sqrt(x.shape[-2])))
        return deltas[::-1]

    def descend(self, trace: Trace, above: Tensor, rate: float, pull: "Stack | None" = None, mu: float = 0.0) -> None:
        """One step, in place; `mu` pulls towards the parameters of `pull` (Eq. 12)."""
        for layer, delta in enumerate(self.backward(trace, above)):
            weight, bias, x = self.weights[layer], self.biases[layer], trace.inputs[layer]
            if pull is not None:
                weight.lerp_(pull.weights[layer], rate * mu)
                bias.lerp_(pull.biases[layer], rate * mu)
            weight.baddbmm_(delta, x.expand(len(weight), *x.shape[-2:]).transpose(1, 2), alpha=-rate)
            bias.sub_(delta.sum(-1, keepdim=True), alpha=rate * self.beta)

    def kernel(self, x: Tensor) -> Tensor:
        """Tangent Gram matrix of points (d_0, N) at the parameters of now, (S, N, N)."""
        trace = self.forward(x)
        deltas = self.backward(trace, torch.ones_like(trace.outputs))
        parts = [
            (a.transpose(-1, -2) @ a + self.beta**2) * (d.transpose(1, 2) @ d)
            for a, d in zip(trace.inputs, deltas, strict=True)
        ]
        total: Tensor = sum(parts[1:], parts[0])
        return total

    def copy(self) -> "Stack":
        """The same parameters, to stay."""
        return Stack([w.clone() for w in self.weights], [b.clone() for b in self.biases], self.beta, self.scale)


def stack(backbone: NTKMLP, d0: int, seeds: int, scaling: Scaling = "ntk") -> Stack:
    """Fresh networks, seed 1, 2, ..., each as the engine initialises the cell of that seed."""
    networks = []
    for seed in range(1, seeds + 1):
        torch.manual_seed(stream.torch_seed(seed, 0, For.INIT))
        network = backbone.build(Spec((d0,), 1)).double()
        assert isinstance(network, NTKNetwork)
        networks.append([*network.hidden, network.head])
    layers = list(zip(*networks, strict=True))
    weights = [torch.stack([m.weight.detach() for m in layer]) for layer in layers]
    biases = [torch.stack([m.bias.detach()[:, None] for m in layer]) for layer in layers]
    return Stack(weights, biases, backbone.beta, output_scale(scaling, backbone.width))


def output_scale(scaling: Scaling, width: int) -> float:
    """The factor of the output beside Eq. 8."""
    return 1.0 if scaling == "ntk" else MEAN_FIELD / math.sqrt(width)
