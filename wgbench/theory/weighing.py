"""q_i(t) of the benchmark's algorithms on a full batch, for many independent draws at once.

The very `weigh` that the engine calls, vectorised over draws by `torch.func.vmap` and recorded once as a graph of
tensor operations: a step of hundreds of thousands then costs tenths of a millisecond. Sampling enters as its
expectation: an example drawn with probability p_i counts n p_i times.
"""

import torch
from torch import Tensor

from wgbench import algorithms
from wgbench.algorithms.base import Algorithm
from wgbench.engine import stream
from wgbench.engine.recorded import recorded
from wgbench.engine.stream import For
from wgbench.types import Batch, Split


class Weigher:
    """The weights of one algorithm; its state goes on from call to call."""

    def __init__(self, algorithm: Algorithm, split: Split, draws: int, seed: int = 1) -> None:
        self.members = algorithm.members
        n = len(split)
        rng = stream.generator(seed, 1, 0, For.SAMPLING)  # as in the first stage of a cell
        self.copies = n * algorithm.sampling(split, rng).probability  # (n,)
        initial = algorithm.init(split)
        self._names = list(initial)
        self._state = [v.expand(draws, *v.shape).clone() for v in initial.values()]
        batch = Batch(torch.arange(n), split.label, split.group)

        def step(losses: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            weights, new = algorithm.weigh(losses, batch, dict(zip(self._names, state, strict=True)))
            return (weights, *(new[name] for name in self._names))

        example = torch.rand(draws, *([self.members] if self.members > 1 else []), n, dtype=torch.float64)
        self._step = recorded(torch.func.vmap(step), example, *self._state)

    def __call__(self, losses: Tensor) -> Tensor:
        """Losses (draws, n), or (draws, members, n), to q of the same shape."""
        weights, *self._state = self._step(losses, *self._state)
        weighted: Tensor = weights * self.copies
        return weighted


def weigher(name: str, split: Split, draws: int) -> Weigher:
    """The weights of a registered algorithm with its defaults."""
    return Weigher(algorithms.make(name), split, draws)
