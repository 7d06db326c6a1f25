"""One training step, and one evaluation: the two things that everything else is arranged around."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.backbones.base import Network
from wgbench.config import Mode
from wgbench.engine.precision import autocast, dtype
from wgbench.engine.views import Inputs
from wgbench.engine.whole import Captured
from wgbench.losses.base import Loss
from wgbench.types import Batch, State


def forward(network: Network, x: Tensor, mode: Mode) -> Tensor:
    """Logits (B, C): features in the mode's precision, the last layer in that of the parameters."""
    with autocast(mode, x.device):
        features = compiled_features()(network, x) if mode.compiled else network.features(x)
    logits: Tensor = network.head(features.to(dtype(mode)))
    return logits


def losses_of(logits: Sequence[Tensor], batch: Batch, loss: Loss, epoch: int, state: State) -> Tensor:
    """Losses (B,), or (members, B) for algorithms that train several networks, from the logits of each."""
    rows = [loss.per_example(one, batch.label, batch.group, epoch, state) for one in logits]
    return rows[0] if len(rows) == 1 else torch.stack(rows)


def backward(algorithm: Algorithm, losses: Tensor, batch: Batch, state: State) -> tuple[Tensor, State]:
    """Weigh the losses and leave gradients of `sum_i w_i l_i` in the parameters; weights and the next state."""
    with torch.no_grad():
        weights, state = algorithm.weigh(losses.detach(), batch, state)
    (weights * losses).sum().backward()  # type: ignore[no-untyped-call]
    return weights, state


@cache
def compiled_features() -> Callable[[Network, Tensor], Tensor]:
    """`network.features(x)` as torch.compile makes it: once for all networks of a kind, whatever their weights."""

    def features(network: Network, x: Tensor) -> Tensor:
        return network.features(x)

    return torch.compile(features, dynamic=False)


@torch.inference_mode()
def logits_of(network: Network, inputs: Inputs, mode: Mode, whole: Captured | None = None) -> Tensor:
    """Logits on the evaluation views of all examples, (N, C). `whole` evaluates a batch of the usual size."""
    network.eval()
    size = len(inputs.batches()[0])
    eager = mode.model_copy(update={"compiled": False})

    def logits(x: Tensor) -> Tensor:
        if len(x) < size:  # the last batch: not worth a program of its own
            return forward(network, x, eager)
        return whole(x)[0].clone() if whole is not None else forward(network, x, mode)

    return _over(inputs, logits)


@torch.inference_mode()
def features_of(network: Network, inputs: Inputs, mode: Mode) -> Tensor:
    """Features on the evaluation views of all examples, (N, D), in the type of the parameters."""
    network.eval()

    def features(x: Tensor) -> Tensor:
        with autocast(mode, x.device):
            return network.features(x).to(dtype(mode))

    return _over(inputs, features)


@torch.inference_mode()
def logits_by_batch(network: Network, inputs: Inputs, mode: Mode) -> Iterator[tuple[Tensor, Tensor]]:
    """Indices (B,) and logits (B, C) of one batch after the other."""
    network.eval()
    for part, x in zip(inputs.batches(), inputs.evaluation(), strict=True):
        yield part, forward(network, x, mode)


def _over(inputs: Inputs, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """What is computed batch by batch, in the order of the examples."""
    rows = torch.cat([compute(x) for x in inputs.evaluation()])
    out = torch.empty_like(rows)
    out[torch.cat(list(inputs.batches())).to(rows.device)] = rows
    return out
