"""Functions as flat graphs of tensor operations: called many times, without the cost of what arranges them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx


def recorded(function: Callable[..., Any], *example: Tensor) -> Callable[..., Any]:
    """The operations that a function does on tensors like these, done again at every call; autograd sees through it.

    What does not depend on the tensors is fixed: shapes, options, the way through every `if`.
    """
    with torch.no_grad():
        graph = make_fx(function)(*example)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    forward: Callable[..., Any] = graph.forward
    return forward


class Recorded:
    """A function that is recorded at its first call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.graph: Callable[..., Any] | None = None

    def __call__(self, *tensors: Tensor) -> Any:
        """What the function returns for tensors of the same shapes as in the first call."""
        if self.graph is None:
            self.graph = recorded(self.function, *tensors)
        return self.graph(*tensors)
