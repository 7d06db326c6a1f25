"""Whether bf16 pays for a network on this machine: a short timed trial, not the name of an instruction set."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from wgbench.backbones.base import Network
from wgbench.config import Mode, Recipe
from wgbench.engine.optimizer import Optimizer
from wgbench.engine.step import forward

BUDGET = 2.0  # seconds of computing, apart from the first step of each
ROUNDS = 4
PIXELS = 2 * 224 * 224  # in a batch
MARGIN = 1.2  # bf16 rounds: it has to be clearly faster
RECIPE = Recipe(epochs=1, batch_size=1, lr=1e-3)


@dataclass(frozen=True)
class Trial:
    """CPU seconds of a training step, the best of some rounds."""

    fp32: float
    bf16: float

    @property
    def pays(self) -> bool:
        """Whether bf16 is faster by a clear margin."""
        return self.fp32 >= MARGIN * self.bf16


def trial(build: Callable[[], Network], side: int, threads: int) -> Trial:
    """Train a step in fp32 and one in bf16 by turns, on noise of `side` x `side` pixels.

    What counts is the time of the processor, not of the clock: others on the machine hardly change it, so that the
    answer is the same when it is asked again.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            fp32, bf16 = (_stepper(build(), Mode(precision=p), side) for p in ("fp32", "bf16"))
        fp32(), bf16()  # kernels are chosen and compiled
        seconds: list[tuple[float, float]] = []
        started = time.process_time()
        while len(seconds) < ROUNDS and (not seconds or time.process_time() - started < BUDGET):
            seconds.append((fp32(), bf16()))
    finally:
        torch.set_num_threads(before)
    return Trial(*(min(column) for column in zip(*seconds, strict=True)))


def _stepper(network: Network, mode: Mode, side: int) -> Callable[[], float]:
    """A function that trains one step and returns its CPU seconds."""
    network = network.to(memory_format=torch.channels_last).train()
    optimizer = Optimizer(list(network.parameters()), RECIPE, 1)
    x = torch.randn(max(2, PIXELS // side**2), 3, side, side).to(memory_format=torch.channels_last)

    def step() -> float:
        started = time.process_time()
        forward(network, x, mode).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step(0)
        return time.process_time() - started

    return step
