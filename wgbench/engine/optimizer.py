"""The optimiser that a recipe names. Weight decay acts on all parameters, biases and norms too."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from wgbench.config import Recipe


class Optimizer:
    """Gradient steps of a recipe: schedule, clipping, decay, and the pull towards theta(0) of the paper's Eq. 12."""

    def __init__(self, parameters: Sequence[nn.Parameter], recipe: Recipe, steps_per_epoch: int) -> None:
        self.parameters, self.recipe, self.steps_per_epoch = list(parameters), recipe, steps_per_epoch
        self.start = [p.detach().clone() for p in self.parameters] if recipe.l2_to_init else []
        self.inner = _inner(self.parameters, recipe)
        self.fixed_rate = recipe.schedule == "constant" and recipe.warmup_epochs == 0

    def step(self, done: int) -> None:
        """One update from the gradients that are there; `done` counts the steps of this stage before it."""
        if self.start:
            grads = [_grad(p) for p in self.parameters]
            torch._foreach_add_(grads, [p.detach() for p in self.parameters], alpha=self.recipe.l2_to_init)
            torch._foreach_sub_(grads, self.start, alpha=self.recipe.l2_to_init)
        if self.recipe.clip_norm is not None:
            clip_grad_norm_(self.parameters, self.recipe.clip_norm)
        if not self.fixed_rate:
            for group in self.inner.param_groups:
                group["lr"] = learning_rate(self.recipe, done, self.steps_per_epoch)
        self.inner.step()
        self.inner.zero_grad(set_to_none=True)


def learning_rate(recipe: Recipe, done: int, steps_per_epoch: int) -> float:
    """The rate of the step after `done` steps: linear warm-up, then constant or half a cosine to 0."""
    warmup, total = recipe.warmup_epochs * steps_per_epoch, recipe.epochs * steps_per_epoch
    if done < warmup:
        return recipe.lr * (done + 1) / warmup
    if recipe.schedule == "constant":
        return recipe.lr
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (done - warmup) / max(1, total - warmup)))


def _inner(parameters: Sequence[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters)  # one kernel per step, where there is one
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=fused)
    return torch.optim.SGD(
        parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=fused
    )


def _grad(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
