"""The optimiser that a recipe names. Weight decay acts on all parameters, biases and norms too."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from wgbench.config import Recipe


class Optimizer:
    """Gradient steps of a recipe: schedule, clipping, decay, and the pull towards theta(0) of the paper's Eq. 12."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], recipe: Recipe, steps_per_epoch: int, *, fused: bool = True
    ) -> None:
        self.parameters, self.recipe, self.steps_per_epoch = list(parameters), recipe, steps_per_epoch
        self.start = [p.detach().clone() for p in self.parameters] if recipe.l2_to_init else []
        self.inner = _inner(self.parameters, recipe, fused)
        self.fixed_rate = recipe.schedule == "constant" and recipe.warmup_epochs == 0

    def step(self, done: int) -> None:
        """One update from the gradients that are there; `done` counts the steps of this stage before it."""
        self.adjust()
        self.move(self.inner, done)
        self.inner.zero_grad(set_to_none=True)

    def adjust(self) -> None:
        """What is done to the gradients before the step: the pull towards the start, then clipping."""
        if self.start:
            grads = [_grad(p) for p in self.parameters]
            torch._foreach_add_(grads, [p.detach() for p in self.parameters], alpha=self.recipe.l2_to_init)
            torch._foreach_sub_(grads, self.start, alpha=self.recipe.l2_to_init)
        if self.recipe.clip_norm is not None:
            clip_grad_norm_(self.parameters, self.recipe.clip_norm)

    def move(self, by: torch.optim.Optimizer, done: int) -> None:
        """Step with an optimiser at this moment's rate."""
        if not self.fixed_rate:
            for group in by.param_groups:
                group["lr"] = learning_rate(self.recipe, done, self.steps_per_epoch)
        by.step()


class Joint:
    """The optimisers of cells whose recipes differ in weight decay alone, as one; each keeps its own buffers."""

    def __init__(self, each: Sequence[Optimizer]) -> None:
        self.each = each
        decays: dict[float, list[nn.Parameter]] = {}
        for one in each:
            decays.setdefault(one.recipe.weight_decay, []).extend(one.parameters)
        first = each[0]
        self.inner = _inner([p for one in each for p in one.parameters], first.recipe, fused=True)
        shared = {k: v for k, v in self.inner.param_groups.pop().items() if k not in ("params", "weight_decay")}
        for decay, parameters in decays.items():
            self.inner.add_param_group({**shared, "params": parameters, "weight_decay": decay})
        for one in each:
            for p in one.parameters:
                self.inner.state[p] = one.inner.state[p]

    def step(self, done: int) -> None:
        """One update of every cell; gradients stay, to be replaced by the next."""
        for one in self.each:
            one.adjust()
        self.each[0].move(self.inner, done)


def learning_rate(recipe: Recipe, done: int, steps_per_epoch: int) -> float:
    """The rate of the step after `done` steps: linear warm-up, then constant or half a cosine to 0."""
    warmup, total = recipe.warmup_epochs * steps_per_epoch, recipe.epochs * steps_per_epoch
    if done < warmup:
        return recipe.lr * (done + 1) / warmup
    if recipe.schedule == "constant":
        return recipe.lr
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (done - warmup) / max(1, total - warmup)))


def _inner(parameters: Sequence[nn.Parameter], recipe: Recipe, fused: bool) -> torch.optim.Optimizer:
    """One kernel per step where that is wanted and there is one; else parameter by parameter."""
    fused = fused and all(p.device.type in ("cpu", "cuda") for p in parameters)
    options: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay}
    options |= {"fused": True} if fused else {"foreach": False}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **options)
    return torch.optim.SGD(parameters, momentum=recipe.momentum, **options)


def _grad(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
