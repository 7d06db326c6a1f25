"""Several cells trained as one program: their networks stacked, one step for all of them.

Parameters of R cells lie behind one another in stacked tensors (R, ...), of which each cell's own are slices: a step
of the stack is a step of every cell, and everything else (records, checkpoints) is done by the cells themselves.
Batched products compute every cell's part with the same kernel however many cells there are.
"""

import copy
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from wgbench.backbones.base import Network
from wgbench.config import Mode
from wgbench.engine.evaluate import Counted
from wgbench.engine.optimizer import Joint
from wgbench.engine.recorded import Recorded
from wgbench.engine.stage import Stage
from wgbench.engine.step import forward, logits_of, losses_of
from wgbench.errors import AlgorithmFailed
from wgbench.types import Batch, State


class Stacked:
    """One network of each of R cells, as one: inputs (R, B, ...) to logits (R, B, C)."""

    def __init__(self, networks: Sequence[Network], mode: Mode) -> None:
        self.own = [list(network.parameters()) for network in networks]
        with torch.no_grad():
            self.parameters = [torch.stack(same).requires_grad_() for same in zip(*self.own, strict=True)]
        for r, own in enumerate(self.own):
            for parameter, stacked in zip(own, self.parameters, strict=True):
                parameter.data = stacked.detach()[r]
        self.buffers = [torch.stack(same) for same in zip(*(network.buffers() for network in networks), strict=True)]
        names = [f"network.{name}" for name, _ in [*networks[0].named_parameters(), *networks[0].named_buffers()]]
        called = _Called(_template(networks[0]), mode)

        def call(x: Tensor, *tensors: Tensor) -> Tensor:
            logits: Tensor = functional_call(called, dict(zip(names, tensors, strict=True)), (x,))
            return logits

        self._forward = Recorded(vmap(call))

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (R, B, C)."""
        logits: Tensor = self._forward(x, *self.parameters, *self.buffers)
        return logits

    def hand_out(self, grads: Sequence[Tensor]) -> None:
        """Give every cell its slices of the gradients of all parameters."""
        for i, stacked in enumerate(grads):
            for own, grad in zip(self.own, stacked.unbind(0), strict=True):
                own[i].grad = grad


class _Called(nn.Module):
    """A network as the engine calls it, precision included."""

    def __init__(self, network: Network, mode: Mode) -> None:
        super().__init__()
        self.network, self.mode = network, mode

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, C)."""
        return forward(self.network, x, self.mode)


class _Linear(nn.Linear):
    """A linear layer that has the weight on the left: its gradient then comes out in the layout of the weight."""

    def forward(self, x: Tensor) -> Tensor:
        """Inputs (B, D) to outputs (B, K)."""
        out = (self.weight @ x.mT).mT
        return out if self.bias is None else out + self.bias


def _template(network: Network) -> Network:
    """The structure of a network, without its numbers."""
    made = copy.deepcopy(network).to("meta")
    for module in made.modules():
        if type(module) is nn.Linear:
            module.__class__ = _Linear
    return made


class Stack:
    """Stages of R cells that differ in seed and weight decay, in step with one another."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages, self.first = stages, stages[0]
        members = zip(*(stage.networks for stage in stages), strict=True)
        self.members = [Stacked(same, self.first.cell.mode) for same in members]
        self.optimizer = Joint([stage.optimizer for stage in stages])
        self.state: State = {k: torch.stack([s.state[k] for s in stages]) for k in self.first.state}
        self.parameters = [p for member in self.members for p in member.parameters]
        self._weigh = Recorded(vmap(self._weighed))

    def train(self, epoch: int) -> list[dict[str, Any]]:
        """One epoch of steps of every cell; the summaries of their weights."""
        first, size = self.first, self.first.batch_size
        visits, crops = zip(*(stage.visits(epoch) for stage in self.stages), strict=True)
        inputs, targets = first.prepared.inputs["train"], first.prepared.tallies["train"]
        index = torch.stack(visits).to(first.device)  # (R, S B)
        label, group = targets.label[index], targets.group[index]
        all_losses, all_weights = [], []
        batches = [inputs.training(v, c, size) for v, c in zip(visits, crops, strict=True)]
        for step, x in enumerate(map(torch.stack, zip(*batches, strict=True))):  # (R, B, ...)
            part = slice(step * size, (step + 1) * size)
            batch = Batch(index[:, part], label[:, part], group[:, part])
            logits = [member(x) for member in self.members]
            losses = self._losses(logits, batch, epoch)
            weights = self._backward(losses, batch)
            self.optimizer.step((epoch - 1) * first.steps + step)
            for r, stage in enumerate(self.stages):
                stage.record(epoch, batch.index[r], logits[-1][r])
            all_losses.append(losses.detach())
            all_weights.append(weights)
        every, weighed = torch.stack(all_losses, 1), torch.stack(all_weights, 1)  # (R, S, B) or (R, S, members, B)
        for r, stage in enumerate(self.stages):
            stage.state = {k: v[r] for k, v in self.state.items()}
        index = index.view(len(self.stages), first.steps, size)
        return [s.seen(epoch, index[r], every[r], weighed[r]) for r, s in enumerate(self.stages)]

    def evaluate(self, epoch: int) -> Sequence[Counted | None]:
        """Counts of every cell on every split; None where heads are replaced, which every cell does for itself."""
        first, n = self.first, len(self.stages)
        if first.evaluator.refit is not None:
            return [None] * n
        started = time.perf_counter()
        found: list[dict[str, tuple[dict[str, Any], Tensor]]] = [{} for _ in self.stages]
        for name, inputs in first.prepared.inputs.items():
            targets = first.evaluator.tallies[name]
            # One network after the other: its numbers stay in the cache while it sees a whole split.
            logits = torch.stack([logits_of(stage.network, inputs, first.cell.mode) for stage in self.stages])
            label, group = targets.label.repeat(n), targets.group.repeat(n)
            losses = first.loss.per_example(logits.flatten(0, 1), label, group, epoch, first.loss_state)
            for counted, one in zip(found, targets.counts(logits, losses.view(n, -1)), strict=True):
                counted[name] = one
        share = (time.perf_counter() - started) / n
        return [Counted(counted, share) for counted in found]

    def _losses(self, logits: Sequence[Tensor], batch: Batch, epoch: int) -> Tensor:
        """Losses (R, B) or (R, members, B). An example's loss knows nothing of the others: all cells' are one batch."""
        flat = Batch(*(part.flatten() for part in batch))
        losses = losses_of([rows.flatten(0, 1) for rows in logits], flat, self.first.loss, epoch, self.first.loss_state)
        losses = losses.view(*losses.shape[:-1], *batch.label.shape)  # (R, B) or (members, R, B)
        return losses if losses.dim() == 2 else losses.transpose(0, 1)

    def _backward(self, losses: Tensor, batch: Batch) -> Tensor:
        """Weigh every cell's losses, and leave the gradients of its weighted sum in its parameters; the weights."""
        try:
            with torch.no_grad():
                weights: Tensor
                weights, *state = self._weigh(losses.detach(), *batch, *self.state.values())
        except RuntimeError as problem:
            asked, why = f"algorithm {self.first.cell.algorithm.name!r}", str(problem).partition("\n")[0]
            raise AlgorithmFailed(asked, f"its weigh does not run under vmap ({why})", "take --vectorize off") from None
        self.state = dict(zip(self.state, state, strict=True))
        grads = iter(torch.autograd.grad(losses, self.parameters, weights))  # of sum_i w_i l_i, of every cell
        for member in self.members:
            member.hand_out([next(grads) for _ in member.parameters])
        return weights

    def _weighed(self, losses: Tensor, index: Tensor, label: Tensor, group: Tensor, *state: Tensor) -> list[Tensor]:
        """Weights and the next state of one cell, as a list."""
        named = dict(zip(self.first.state, state, strict=True))
        weights, after = self.first.algorithm.weigh(losses, Batch(index, label, group), named)
        return [weights, *(after[name] for name in named)]
