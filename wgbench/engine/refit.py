"""A head in place of the network's own, for the moment of an evaluation."""

import contextlib
from collections.abc import Iterator

from torch import nn

from wgbench.algorithms.base import Head
from wgbench.config import EARLY, LAST


def is_scored(epoch: int, epochs: int) -> bool:
    """Whether a refitted head is scored: in the early window and the last epochs."""
    return EARLY[0] <= epoch <= EARLY[1] or epoch > epochs - LAST


@contextlib.contextmanager
def replaced_head(head: nn.Module, by: Head) -> Iterator[None]:
    """The linear `head` with other weights; its own return at the end."""
    own = {name: value.clone() for name, value in head.state_dict().items()}
    weight, bias = by
    head.load_state_dict({"weight": weight, "bias": bias})
    try:
        yield
    finally:
        head.load_state_dict(own)
