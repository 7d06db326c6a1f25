"""Per-example losses by name: `make`, `names`, `info`, `register`."""

from typing import TYPE_CHECKING

from wgbench.registry import Registry

if TYPE_CHECKING:
    from wgbench.losses.base import Loss

registry: "Registry[Loss]" = Registry(
    "losses",
    {
        "cross-entropy": ("wgbench.losses.cross_entropy:CrossEntropy", "cross-entropy of the softmax"),
        "squared": ("wgbench.losses.squared:Squared", "half the squared distance to the one-hot label"),
        "logit-adjusted": (
            "wgbench.losses.logit_adjusted:LogitAdjusted",
            "cross-entropy, logits shifted by log frequency",
        ),
        "vs": ("wgbench.losses.vs:VectorScaling", "cross-entropy, logits scaled and shifted by frequency"),
        "poly": ("wgbench.losses.poly:PolynomialTail", "a loss that falls like a power beyond a margin"),
        "ldam": ("wgbench.losses.ldam:LDAM", "larger margins for rarer classes"),
    },
)
make, names, info, register = registry.make, registry.names, registry.info, registry.register
