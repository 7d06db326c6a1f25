"""Networks by name: `make`, `names`, `info`, `register`."""

from typing import TYPE_CHECKING

from wgbench.registry import Registry

if TYPE_CHECKING:
    from wgbench.backbones.base import Backbone

registry: "Registry[Backbone]" = Registry(
    "backbones",
    {
        "linear": ("wgbench.backbones.small:Linear", "a linear classifier"),
        "mlp": ("wgbench.backbones.small:MLP", "a fully connected ReLU network"),
        "cnn": ("wgbench.backbones.small:CNN", "a small convolutional network for images of 8 to 64 pixels"),
        "ntk-mlp": ("wgbench.backbones.ntk:NTKMLP", "the paper's fully connected network in the NTK parameterisation"),
        "linearized:<backbone>": (
            "wgbench.backbones.linearized:Linearized",
            "the tangent model of any of these networks",
        ),
        "bag": ("wgbench.backbones.bag:Bag", "mean word embeddings and a hidden layer, for texts; no download"),
        "text:<name>": ("wgbench.backbones.text:HubText", "any text model of the Hugging Face hub, by its name there"),
        "timm:<name>": ("wgbench.backbones.timm:Timm", "any image model of timm, by its timm name"),
    },
    # The paper's weights: torchvision's V1 training, not timm's default tag.
    aliases={"resnet18": "timm:resnet18.tv_in1k"},
)
make, names, info, register = registry.make, registry.names, registry.info, registry.register
