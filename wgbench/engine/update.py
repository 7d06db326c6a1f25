"""What a stage does with a batch: forward, weigh, backward, step; as one program where all batches are alike."""

import torch
from torch import Tensor, nn

from wgbench.algorithms.base import Algorithm
from wgbench.config import Mode
from wgbench.engine import state
from wgbench.engine.optimizer import Optimizer
from wgbench.engine.sink import Tensors
from wgbench.engine.step import backward, forward, losses_of
from wgbench.engine.whole import Captured
from wgbench.losses.base import Loss
from wgbench.types import Batch, State

Result = tuple[Tensor, Tensor, Tensor]


class Update:
    """Updates of the networks of a stage, and the algorithm's state, which they carry along.

    `compiled` modes capture a step once, where it depends on neither epoch nor rate; `same_shapes` says that inputs
    allow for it.
    """

    def __init__(
        self,
        networks: nn.ModuleList,
        algorithm: Algorithm,
        loss: Loss,
        optimizer: Optimizer,
        mode: Mode,
        states: tuple[State, State],
        *,
        same_shapes: bool,
    ) -> None:
        self.networks, self.algorithm, self.loss, self.optimizer, self.mode = networks, algorithm, loss, optimizer, mode
        self.state, self.loss_state = states
        sgd = optimizer.recipe.optimizer == "sgd"
        alike = mode.compiled and same_shapes and loss.steady and optimizer.fixed_rate and sgd
        self.step = Captured(self._in_place, self._held) if alike else None
        self.evaluation = Captured(lambda x: (forward(networks[-1], x, mode),)) if alike else None  # type: ignore[arg-type]

    def __call__(self, x: Tensor, batch: Batch, epoch: int, done: int) -> Result:
        """One update after `done` others: losses, weights, and logits of the result."""
        if self.step is None:
            losses, weights, logits, self.state = self._stepped(x, batch, epoch, done)
        else:
            losses, weights, logits = (t.clone() for t in self.step(x, *batch))
        return losses, weights, logits

    def _stepped(self, x: Tensor, batch: Batch, epoch: int, done: int) -> tuple[Tensor, Tensor, Tensor, State]:
        logits = [forward(network, x, self.mode) for network in self.networks]  # type: ignore[arg-type]
        losses = losses_of(logits, batch, self.loss, epoch, self.loss_state)
        weights, following = backward(self.algorithm, losses, batch, self.state)
        self.optimizer.step(done)
        return losses.detach(), weights, logits[-1].detach(), following

    def _in_place(self, x: Tensor, index: Tensor, label: Tensor, group: Tensor) -> Result:
        """A step that leaves the algorithm's state where it lies."""
        losses, weights, logits, following = self._stepped(x, Batch(index, label, group), 1, 0)
        with torch.no_grad():
            for name, value in following.items():
                self.state[name].copy_(value)
        return losses, weights, logits

    def _held(self) -> Tensors:  # pragma: no cover - on a GPU only
        """All that a step changes."""
        parts = (self.networks.state_dict(), state.optimizer_tensors(self.optimizer.inner), self.state)
        return {f"{i} {name}": tensor for i, part in enumerate(parts) for name, tensor in part.items()}
