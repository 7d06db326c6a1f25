"""What every loss promises."""

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace

import torch

from wgbench import losses, options
from wgbench.checks import require
from wgbench.checks.algorithms import train
from wgbench.losses.base import Loss


def subject(name: str) -> Loss:
    """The loss with its defaults."""
    return losses.make(name)


def form(loss: Loss) -> None:
    """A frozen dataclass that is documented; options survive JSON."""
    cls = type(loss)
    frozen = dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen
    require(frozen, f"{cls.__name__} is no frozen dataclass", "decorate it with @dataclass(frozen=True)")
    require(bool(cls.__doc__), f"{cls.__name__} has no docstring", "say in a line what it is")
    text = f"{cls.__doc__} {sys.modules[cls.__module__].__doc__}"
    stated = re.search(r"\b(19|20)\d\d\b|log|\^2", text) is not None
    require(stated, "its docstring has neither formula nor publication", "give one of them")
    again = options.build(cls, json.loads(json.dumps(options.dump(loss))), "options read back from JSON")
    require(again == loss, "its options change on the way through JSON", "use numbers, strings, booleans, tuples")


def one_finite_number_per_example(loss: Loss) -> None:
    """Also for extreme logits, with finite gradients."""
    data = train()
    for scale in (0.0, 1.0, 50.0):
        logits = (scale * torch.randn(len(data), 2, generator=torch.Generator().manual_seed(1))).requires_grad_()
        values = loss.per_example(logits, data.label, data.group, 1, loss.init(data))
        require(values.shape == data.label.shape, "it gives not one number per example", "return shape (B,)")
        values.sum().backward()  # type: ignore[no-untyped-call]
        finite = bool(torch.isfinite(values).all() and logits.grad is not None and torch.isfinite(logits.grad).all())
        require(finite, f"a loss or gradient is not finite at logits of size {scale:g}", "use log-sum-exp forms")


def examples_do_not_mix(loss: Loss) -> None:
    """The loss of an example does not depend on the others in its batch."""
    data = train()
    logits = torch.randn(len(data), 2, generator=torch.Generator().manual_seed(1))
    state = loss.init(data)
    together = loss.per_example(logits, data.label, data.group, 1, state)
    part = loss.per_example(logits[:3], data.label[:3], data.group[:3], 1, state)
    same = torch.allclose(together[:3], part, rtol=1e-5)
    require(same, "an example's loss depends on its batch", "compute what is shared in init, from the training set")


def a_better_logit_costs_less(loss: Loss) -> None:
    """Raising the logit of the label lowers the loss, around 0."""
    data = train()
    low, high = (torch.nn.functional.one_hot(data.label, 2) * scale for scale in (0.0, 0.5))
    before, after = (loss.per_example(z.float(), data.label, data.group, 1, loss.init(data)) for z in (low, high))
    require(bool((after < before).all()), "a larger logit of the label does not lower the loss", "check its sign")


def supervision_is_what_needs_says(loss: Loss) -> None:
    """Groups that are not declared are replaced by zeros, and nothing may change; declared ones must matter."""
    data = train()
    blind = replace(data, group=torch.zeros_like(data.group))
    logits = torch.randn(len(data), 2, generator=torch.Generator().manual_seed(1))
    seen, unseen = (loss.per_example(logits, s.label, s.group, 1, loss.init(s)) for s in (data, blind))
    if "train_group" in loss.needs:
        require(not torch.equal(seen, unseen), "it declares train_group and does not use it", "take it out of needs")
    else:
        require(torch.equal(seen, unseen), "it uses train_group without declaring it", "add 'train_group' to needs")


CHECKS: tuple[Callable[[Loss], None], ...] = (
    form,
    one_finite_number_per_example,
    examples_do_not_mix,
    a_better_logit_costs_less,
    supervision_is_what_needs_says,
)
