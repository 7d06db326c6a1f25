"""Options of an entry's algorithm that somebody chose: neither defaults, nor the dataset's own, nor of a search."""

from collections.abc import Mapping
from typing import Any

from wgbench.results.schema import Entry


def by_hand(entry: Entry) -> Mapping[str, Any]:
    """Those options by name; empty where the defaults are code of another package, which is not asked."""
    if entry.tuning.configurations or not entry.algorithm.options:
        return {}
    # Defaults are in the classes of plug-ins, which import torch: not before a name is asked for.
    from wgbench import algorithms
    from wgbench.results.known import known
    from wgbench.results.partial import default_options
    from wgbench.results.trust import OURS

    default, found = default_options(algorithms.registry, entry.algorithm.name, ours=True), known(entry.dataset, OURS)
    if found is not None:
        default |= found.dataset.tuned.get(entry.algorithm.name, {})
    return {name: value for name, value in entry.algorithm.options.items() if default.get(name, value) != value}
