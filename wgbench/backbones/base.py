"""What a backbone is: a frozen dataclass that builds a network with features and a head."""

from typing import ClassVar

from torch import Tensor, nn

from wgbench.types import Preprocess, Spec


class Network(nn.Module):
    """A network whose output is `head(features(x))`."""

    head: nn.Module

    def features(self, x: Tensor) -> Tensor:
        """Inputs (B, ...) to features (B, D)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Inputs (B, ...) to logits (B, n_outputs)."""
        out: Tensor = self.head(self.features(x))
        return out


class Backbone:
    """Base of backbones. Subclasses are frozen dataclasses; their fields are the options."""

    version: ClassVar[int] = 1
    convolutional: ClassVar[bool] = False  # channels_last and bf16 pay
    # Several networks can be computed as one by `torch.func.vmap`, and that pays: no convolutions, nothing random, no
    # buffers that training changes.
    stackable: ClassVar[bool] = False

    def preprocess(self) -> Preprocess:
        """How images must be normalised, and their size if the network has one."""
        return Preprocess()

    def fetch(self, spec: Spec) -> None:
        """Get pretrained weights before any worker starts; MissingWeights names `--weights`."""

    def build(self, spec: Spec) -> Network:
        """A network with weights drawn from torch's global generator, which the engine seeds."""
        raise NotImplementedError
