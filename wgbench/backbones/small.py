"""Small networks of our own: no download, quick on a CPU, wide enough to interpolate."""

import itertools
import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from wgbench.backbones.base import Backbone, Network
from wgbench.errors import BadOption, MissingWeights
from wgbench.types import Spec

Positive = Annotated[int, Field(gt=0)]


class Headed(Network):
    """A body and a linear head."""

    def __init__(self, body: nn.Module, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(n_features, n_outputs)

    def features(self, x: Tensor) -> Tensor:
        """The body's output, (B, D)."""
        out: Tensor = self.body(x)
        return out


@dataclass(frozen=True)
class Linear(Backbone):
    """A linear classifier on the flattened input."""

    stackable: ClassVar[bool] = True

    def build(self, spec: Spec) -> Network:
        """PyTorch's default initialisation."""
        no_pretrained("linear", spec)
        return Headed(nn.Flatten(), math.prod(spec.shape), spec.n_outputs)


@dataclass(frozen=True)
class MLP(Backbone):
    """`depth` hidden layers of `width` ReLU units on the flattened input."""

    width: Positive = 256
    depth: Positive = 1
    stackable: ClassVar[bool] = True

    def build(self, spec: Spec) -> Network:
        """PyTorch's default initialisation."""
        no_pretrained("mlp", spec)
        sizes = [math.prod(spec.shape), *[self.width] * self.depth]
        layers = [m for a, b in itertools.pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
        return Headed(nn.Sequential(nn.Flatten(), *layers), self.width, spec.n_outputs)


@dataclass(frozen=True)
class CNN(Backbone):
    """3x3 convolutions with BatchNorm and ReLU, pooled down to 4 pixels or less; channels double up to 4x width."""

    width: Positive = 32
    convolutional: ClassVar[bool] = True

    def build(self, spec: Spec) -> Network:
        """PyTorch's default initialisation."""
        no_pretrained("cnn", spec)
        if len(spec.shape) != 3:
            raise BadOption("backbone cnn", f"inputs of shape {spec.shape} are no images", "take --backbone mlp")
        channels, side = spec.shape[0], spec.shape[1]
        layers: list[nn.Module] = []
        out = self.width
        while True:
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels, out = out, min(2 * out, 4 * self.width)
            if side <= 4:
                break
            layers.append(nn.MaxPool2d(2))
            side //= 2
        return Headed(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), channels, spec.n_outputs)


def no_pretrained(name: str, spec: Spec) -> None:
    """There is nothing pretrained to load into these networks."""
    if spec.pretrained or spec.weights is not None:
        remedy = "add --no-pretrained" if spec.weights is None else "add --no-pretrained and drop --weights"
        raise MissingWeights(f"backbone {name}", "it has no pretrained weights", remedy)
