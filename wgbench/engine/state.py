"""Nested state as flat tensors and JSON, for files without pickles."""

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from wgbench.engine.sink import Tensors


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """Copies on the CPU under `prefix/name`."""
    return {f"{prefix}/{name}": t.detach().cpu().clone().contiguous() for name, t in tensors.items()}


def under(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors that `prefixed` put under a prefix, by their own names."""
    return {k.removeprefix(f"{prefix}/"): v for k, v in tensors.items() if k.startswith(f"{prefix}/")}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """The per-parameter buffers of an optimiser, as `index.name`."""
    return {
        f"{i}.{name}": value
        for i, buffers in optimizer.state_dict()["state"].items()
        for name, value in buffers.items()
        if isinstance(value, Tensor)
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the buffers back, laid out in memory as their parameters: a fused step reads all of them in one order."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        i, _, name = key.partition(".")
        own = parameters[int(i)]
        like = torch.empty_like(own, dtype=value.dtype) if own.shape == value.shape else torch.empty_like(value)
        state.setdefault(int(i), {})[name] = like.copy_(value)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def load_module(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put parameters and buffers back, all of them."""
    module.load_state_dict(dict(tensors), strict=True)


def json_numbers(values: Tensor) -> Any:
    """A tensor as nested lists, null for what is not finite."""
    return finite(values.tolist())


def finite(value: Any) -> Any:
    """JSON values with null in place of NaN and infinities."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names and bytes: equal only for bit-identical tensors."""
    seen = hashlib.sha256()
    for name in sorted(tensors):
        seen.update(name.encode())
        seen.update(tensors[name].detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return seen.hexdigest()
