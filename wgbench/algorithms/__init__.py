"""Reweighting algorithms by name: `make`, `names`, `info`, `register`."""

from typing import TYPE_CHECKING

from wgbench.registry import Registry

if TYPE_CHECKING:
    from wgbench.algorithms.base import Algorithm

registry: "Registry[Algorithm]" = Registry(
    "algorithms",
    {
        "erm": ("wgbench.algorithms.erm:ERM", "empirical risk minimisation: the mean loss"),
        "iw": ("wgbench.algorithms.iw:ImportanceWeighting", "importance weighting by sampling groups equally often"),
        "iw-loss": ("wgbench.algorithms.iw_loss:ImportanceWeightedLoss", "importance weighting by weights on losses"),
        "gdro": ("wgbench.algorithms.gdro:GroupDRO", "Group DRO: group weights follow group losses"),
        "gdro-balanced": (
            "wgbench.algorithms.gdro_balanced:BalancedGroupDRO",
            "Group DRO on group-balanced batches, as its authors run it",
        ),
    },
)
make, names, info, register = registry.make, registry.names, registry.info, registry.register
