"""One training step, and one evaluation: the two things that everything else is arranged around."""

from collections.abc import Sequence

import torch
from torch import Tensor

from wgbench.algorithms.base import Algorithm
from wgbench.backbones.base import Network
from wgbench.config import Mode
from wgbench.engine.precision import autocast
from wgbench.engine.views import Inputs
from wgbench.losses.base import Loss
from wgbench.types import Batch, State

EVAL_BATCH = 1024


def forward(network: Network, x: Tensor, mode: Mode) -> Tensor:
    """Logits (B, C): features in the mode's precision, the last layer in that of the parameters."""
    with autocast(mode, x.device):
        features = network.features(x)
    logits: Tensor = network.head(features.to(x.dtype))
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


@torch.inference_mode()
def logits_of(network: Network, inputs: Inputs, n: int, mode: Mode) -> Tensor:
    """Logits on the evaluation views of all `n` examples, (n, C)."""
    network.eval()
    return torch.cat([forward(network, inputs.eval(rows), mode) for rows in torch.split(torch.arange(n), EVAL_BATCH)])


@torch.inference_mode()
def features_of(network: Network, inputs: Inputs, n: int, mode: Mode) -> Tensor:
    """Features on the evaluation views of all `n` examples, (n, D), in the type of the parameters."""
    network.eval()
    rows = []
    for part in torch.split(torch.arange(n), EVAL_BATCH):
        x = inputs.eval(part)
        with autocast(mode, x.device):
            features = network.features(x)
        rows.append(features.to(x.dtype))
    return torch.cat(rows)
