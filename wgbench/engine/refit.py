"""A head in place of the network's own, for the moment of an evaluation."""

import contextlib
from collections.abc import Iterator

from torch import nn

from wgbench.algorithms.base import Head
from wgbench.backbones.base import Network
from wgbench.config import EARLY, LAST
from wgbench.engine.sink import Tensors
from wgbench.errors import AlgorithmFailed


def is_scored(epoch: int, epochs: int) -> bool:
    """Whether a refitted head is scored: in the early window and the last epochs."""
    return EARLY[0] <= epoch <= EARLY[1] or epoch > epochs - LAST


def named_head(network: Network) -> Tensors:
    """Copies of the head's parameters, by their names in the whole network."""
    (name,) = (name for name, module in network.named_modules() if module is network.head)
    return {f"{name}.{part}": t.detach().cpu().clone() for part, t in network.head.state_dict().items()}


@contextlib.contextmanager
def replaced_head(head: nn.Module, by: Head) -> Iterator[None]:
    """The linear `head` with other weights; its own return at the end. AlgorithmFailed if it is not linear."""
    if set(head.state_dict()) != {"weight", "bias"}:
        raise AlgorithmFailed("refitting the head", "the network has no linear head", "take another --backbone")
    own = {name: value.clone() for name, value in head.state_dict().items()}
    weight, bias = by
    # A head may multiply its bias by a constant (`ntk-mlp`).
    head.load_state_dict({"weight": weight, "bias": bias / getattr(head, "bias_scale", 1.0)})
    try:
        yield
    finally:
        head.load_state_dict(own)
