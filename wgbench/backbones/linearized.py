"""Any network as its tangent model at theta(0): the paper's Eq. 6.

"Understanding Overfitting in Reweighting Algorithms for Worst-group Performance" (2022), section 3.2, after Lee et al.
(2019): f_lin(x) = f(x; theta(0)) + <theta - theta(0), grad f(x; theta(0))>. The directional derivative comes from
`torch.func.jvp`, so that no Jacobian is formed. Linear in theta, whatever the network.

The network inside stays in evaluation mode: normalisation keeps the statistics that it starts with, dropout is off.
Otherwise f(x) would depend on the batch that x comes in.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from wgbench.backbones import make
from wgbench.backbones.base import Backbone, Network
from wgbench.types import Preprocess, Spec

Parameters = dict[str, Tensor]
Pair = tuple[Tensor, Tensor]


class TangentNetwork(Network):
    """f_lin of a network; its parameters are theta, and buffers hold theta(0). There is no head of its own."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network.eval()
        self.names = [name for name, _ in network.named_parameters()]
        for i, parameter in enumerate(network.parameters()):
            self.register_buffer(f"start_{i}", parameter.detach().clone())
        self.head = nn.Identity()

    def train(self, mode: bool = True) -> Self:
        """The mode of the model alone; the network inside keeps its statistics."""
        super().train(mode)
        self.network.eval()
        return self

    def features(self, x: Tensor) -> Tensor:
        """f_lin(x), (B, n_outputs)."""
        theta = dict(self.network.named_parameters())
        start = {name: cast(Tensor, getattr(self, f"start_{i}")) for i, name in enumerate(self.names)}
        moved = {name: theta[name] - start[name] for name in self.names}
        with differentiating(), sdpa_kernel(SDPBackend.MATH):  # fused attention has no forward-mode derivative
            value, change = cast(Pair, jvp(lambda p: outputs(self.network, p, x), (start,), (moved,)))
        return value + change


@dataclass(frozen=True)
class Linearized(Backbone):
    """The tangent model of `backbone` at its initial weights; `options` are those of that backbone."""

    backbone: str
    options: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def inner(self) -> Backbone:
        """The backbone that is linearised."""
        return make(self.backbone, **self.options)

    @property
    def convolutional(self) -> bool:  # type: ignore[override]  # known per instance
        """As the network inside."""
        return self.inner.convolutional

    @property
    def stackable(self) -> bool:  # type: ignore[override]  # known per instance
        """As the network inside."""
        return self.inner.stackable

    def preprocess(self) -> Preprocess:
        """As the network inside."""
        return self.inner.preprocess()

    def fetch(self, spec: Spec) -> None:
        """As the network inside."""
        self.inner.fetch(spec)

    def build(self, spec: Spec) -> Network:
        """The tangent model at the weights that the network inside starts from."""
        return TangentNetwork(self.inner.build(spec))


@contextlib.contextmanager
def differentiating() -> Iterator[None]:
    """Out of inference mode meanwhile: there torch 2.11 takes derivatives for 0, and f(x; theta(0)) would come out."""
    if not torch.is_inference_mode_enabled():
        yield
        return
    with torch.inference_mode(False), torch.no_grad():
        yield


def outputs(network: nn.Module, parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Outputs (B, n_outputs) of a network at other parameters."""
    out: Any = functional_call(network, dict(parameters), (x,))
    return cast(Tensor, out)


def jacobian(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (B,) of a network with one output, and its gradients in all parameters (B, p), at the weights it has."""
    network.eval()
    start = {name: p.detach() for name, p in network.named_parameters()}

    def one(p: Parameters, row: Tensor) -> Tensor:
        return outputs(network, p, row[None])[0, 0]

    found = torch.func.vmap(torch.func.jacrev(one), (None, 0))(start, x)
    with torch.no_grad():
        value = outputs(network, start, x)[:, 0]
    return value, torch.cat([found[name].flatten(1) for name in start], 1)
