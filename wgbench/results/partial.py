"""What an entry says of itself that follows from what it ran: what it lacks to be complete, and where it starts."""

from typing import Any

from wgbench import backbones, datasets
from wgbench import options as opts
from wgbench.config import Protocol, Recipe
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
    ours, theirs = _settings(subject.recipe), _settings(dataset.recipe)
    names = [name for name in dict.fromkeys([*theirs, *ours]) if ours.get(name) != theirs.get(name)]
    found += [f"{name} {ours.get(name)} instead of {theirs.get(name)}" for name in names]
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


def _settings(recipe: Recipe) -> dict[str, Any]:
    """What a recipe sets, the geometry of images in its parts: `views.size`."""
    views = recipe.views.model_dump() if recipe.views is not None else {"size": None}
    return recipe.model_dump(exclude={"views"}) | {f"views.{name}": _part(value) for name, value in views.items()}


def _part(value: Any) -> Any:
    """Steps and ranges in words: `resize 256, crop 224`."""
    if not isinstance(value, tuple):
        return value
    return ", ".join(" ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value)


def _shown(values: tuple[float, ...]) -> str:
    return ",".join(f"{v:g}" for v in values)
