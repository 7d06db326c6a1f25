"""Datasets with groups by name: `make`, `names`, `info`, `register`."""

from typing import TYPE_CHECKING

from wgbench.registry import Registry

if TYPE_CHECKING:
    from wgbench.datasets.base import Dataset

registry: "Registry[Dataset]" = Registry(
    "datasets",
    {
        "colored-digits": (
            "wgbench.datasets.colored_digits:ColoredDigits",
            "real handwritten digits, parity against a background colour; ships with scikit-learn, offline",
        ),
        "waterbirds": (
            "wgbench.datasets.waterbirds:Waterbirds",
            "photographs of birds on land and water backgrounds (Sagawa et al. 2020)",
        ),
    },
)
make, names, info, register = registry.make, registry.names, registry.info, registry.register
