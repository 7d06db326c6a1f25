"""What an entry says of itself that follows from what it ran: what it lacks to be complete, and where it starts."""

from typing import Any

from wgbench import backbones, datasets
from wgbench import options as opts
from wgbench.config import Protocol
from wgbench.datasets.base import Dataset
from wgbench.errors import WgbenchError
from wgbench.registry import BUILT_IN, Registry
from wgbench.results.entry import Subject


def lacks(subject: Subject, dataset: Dataset, *, has_baseline: bool) -> tuple[str, ...]:
    """What an entry is missing to be complete under the rules."""
    full = Protocol(weight_decays=dataset.weight_decays)
    found = []
    for what, given, wanted in (
        ("seeds", subject.protocol.seeds, full.seeds),
        ("weight decays", subject.protocol.weight_decays, full.weight_decays),
    ):
        if set(given) != set(wanted):
            found.append(f"{what} {_shown(given)} instead of {_shown(wanted)}")
    ours, theirs = subject.recipe.model_dump(), dataset.recipe.model_dump()
    found += [f"{name} {ours[name]} instead of {theirs[name]}" for name in theirs if ours[name] != theirs[name]]
    for owner, plugin, registry in (
        ("dataset", subject.dataset, datasets.registry),
        ("backbone", subject.backbone, backbones.registry),
    ):
        defaults = default_options(registry, plugin.name)
        found += [
            f"{owner}.{name} {value} instead of {defaults[name]}"
            for name, value in plugin.options.items()
            if name in defaults and value != defaults[name]
        ]
    if dataset.caveat:
        found.append(dataset.caveat)
    if not has_baseline:
        found.append("no ERM baseline")
    return tuple(found)


def start(subject: Subject) -> str:
    """Where the network starts from."""
    if subject.weights:
        return f"file {subject.weights[:16]}"
    return "pretrained" if subject.recipe.pretrained else "from scratch"


def default_options(registry: Registry[Any], name: str, *, ours: bool = False) -> dict[str, Any]:
    """Options that a plug-in has by default; none where it is not installed here, or `ours` and another package's."""
    try:
        if ours and registry.info(name).owner != BUILT_IN:
            return {}
        return opts.defaults(registry.find(name).target)
    except WgbenchError:
        return {}


def _shown(values: tuple[float, ...]) -> str:
    return ",".join(f"{v:g}" for v in values)
