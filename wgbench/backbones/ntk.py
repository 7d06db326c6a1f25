"""The fully connected network of the paper's theorems: Eq. 8, initialised as Eq. 9.

"Understanding Overfitting in Reweighting Algorithms for Worst-group Performance" (2022), section 3.3. With h^l and x^l
the pre- and post-activations of layer l, d_l its width and x^0 the input,

    h^{l+1} = W^l x^l / sqrt(d_l) + beta b^l,    x^{l+1} = sigma(h^{l+1}),    f(x) = h^{L+1},

all entries of W^l and b^l standard normal at the start but for the last W^L, which is zero (Eq. 9) or Gaussian as in
Jacot et al. (2018) (Eq. 119). sigma = erf: smooth, Lipschitz with a Lipschitz derivative (Assumption 2), and with a
limiting kernel in closed form. The theorems want inputs with |x| <= 1; that is up to the data.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from wgbench.backbones.base import Backbone, Network
from wgbench.backbones.small import Positive, no_pretrained
from wgbench.types import Spec


class NTKLinear(nn.Module):
    """h = W x + beta b on inputs that were divided by sqrt(d) before: the gradient in b has the size beta."""

    def __init__(self, n_inputs: int, n_outputs: int, beta: float, zero: bool = False) -> None:
        super().__init__()
        self.bias_scale = beta
        weight = torch.zeros(n_outputs, n_inputs) if zero else torch.randn(n_outputs, n_inputs)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(torch.randn(n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Inputs (B, d) over sqrt(d) to pre-activations (B, n_outputs)."""
        return nn.functional.linear(x, self.weight, self.bias_scale * self.bias)


class NTKNetwork(Network):
    """L hidden layers and an output layer; features are x^L / sqrt(d_L)."""

    def __init__(self, sizes: list[int], n_outputs: int, beta: float, zero: bool) -> None:
        super().__init__()
        pairs = itertools.pairwise(sizes)
        self.hidden = nn.ModuleList(NTKLinear(a, b, beta) for a, b in pairs)
        self.head = NTKLinear(sizes[-1], n_outputs, beta, zero)

    def features(self, x: Tensor) -> Tensor:
        """x^L / sqrt(d_L), (B, d_L)."""
        x = x.flatten(1)
        for layer in self.hidden:
            x = torch.erf(layer(x / math.sqrt(x.shape[1])))
        return x / math.sqrt(x.shape[1])


@dataclass(frozen=True)
class NTKMLP(Backbone):
    """`depth` hidden layers of `width` erf units, NTK parameterisation; `last`: how the output layer starts."""

    width: Positive = 256
    depth: Positive = 1
    beta: Annotated[float, Field(gt=0)] = 0.1
    last: Literal["zero", "gaussian"] = "zero"
    stackable: ClassVar[bool] = True

    def build(self, spec: Spec) -> Network:
        """Standard normal entries; the last layer as `last` says."""
        no_pretrained("ntk-mlp", spec)
        sizes = [math.prod(spec.shape), *[self.width] * self.depth]
        return NTKNetwork(sizes, spec.n_outputs, self.beta, self.last == "zero")
