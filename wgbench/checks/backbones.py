"""What every backbone promises."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from wgbench import backbones
from wgbench.backbones.base import Backbone, Network
from wgbench.checks import require
from wgbench.config import Mode
from wgbench.engine.stack import Stacked
from wgbench.types import Spec


@dataclass(frozen=True)
class Built:
    """A backbone, and what it is built for here."""

    backbone: Backbone
    spec: Spec

    def network(self, seed: int = 0) -> Network:
        """A network from scratch."""
        torch.manual_seed(seed)
        return self.backbone.build(self.spec)

    def inputs(self) -> torch.Tensor:
        """Two random images, or two texts of which one is padded."""
        if self.backbone.preprocess().tokenizer is not None:
            ids, part = torch.arange(1, 11).view(2, 5), torch.tensor([[1, 1, 1, 2, 2], [1, 1, 2, 0, 0]])
            return torch.stack([ids * (part > 0), part], 2)
        return torch.randn(2, *self.spec.shape, generator=torch.Generator().manual_seed(1))


def subject(name: str) -> Built:
    """The backbone at its own image size, at 8 pixels, or for texts of up to five tokens."""
    backbone = backbones.make(name)
    preprocess = backbone.preprocess()
    side = preprocess.size or 8
    return Built(backbone, Spec((3, side, side) if preprocess.tokenizer is None else (5,), 2))


def the_output_is_the_head_of_the_features(built: Built) -> None:
    """`forward(x) == head(features(x))`, with flat features."""
    network = built.network().eval()
    with torch.no_grad():
        features = network.features(built.inputs())
        out = network(built.inputs())
        same = torch.allclose(out, network.head(features), rtol=1e-5, atol=1e-6)
    require(features.dim() == 2, f"features have shape {tuple(features.shape)}", "return one row per example")
    require(out.shape == (2, 2), f"the output has shape {tuple(out.shape)}", "give the head n_outputs outputs")
    require(same, "forward(x) is not head(features(x))", "let forward be the head of the features")


def every_parameter_gets_a_gradient(built: Built) -> None:
    """No parameter is left out of the output."""
    network = built.network().train()
    network(built.inputs()).square().sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    require(not without, f"{without[:3]} get no gradient", "remove what the output does not use")


def weights_follow_from_the_seed(built: Built) -> None:
    """Equal seeds, equal networks; others differ."""
    a, b, c = (built.network(seed).state_dict() for seed in (1, 1, 2))
    require(all(torch.equal(a[k], b[k]) for k in a), "equal seeds give other weights", "draw from torch's generator")
    require(any(not torch.equal(a[k], c[k]) for k in a), "all seeds give the same weights", "draw them at random")


def padding_changes_nothing(built: Built) -> None:
    """A text means the same whatever it is batched with."""
    if built.backbone.preprocess().tokenizer is None:
        return
    network = built.network().eval()
    with torch.no_grad():
        alone, batched = network(built.inputs()[1:, :3]), network(built.inputs())[1:]
    same = torch.allclose(alone, batched, rtol=1e-4, atol=1e-5)
    require(same, "a padded text gives other logits", "ignore positions whose part is 0")


def state_makes_the_round_trip(built: Built) -> None:
    """What is loaded computes the same."""
    source, target = built.network(1).eval(), built.network(2).eval()
    target.load_state_dict(source.state_dict())
    with torch.no_grad():
        same = torch.equal(source(built.inputs()), target(built.inputs()))
    require(same, "a network with another's state computes something else", "keep all that matters in the state")


def stacked_networks_compute_what_each_does(built: Built) -> None:
    """Where networks are declared to be stackable: in training mode, each on its own inputs; buffers stay."""
    if not built.backbone.stackable:
        return
    networks = [built.network(seed).train() for seed in (1, 2, 3)]
    x = torch.stack([scale * built.inputs() for scale in (1, 2, 3)])
    before = [buffer.clone() for network in networks for buffer in network.buffers()]
    each = torch.stack([network(rows) for network, rows in zip(networks, x, strict=True)])
    same = torch.allclose(Stacked(networks, Mode())(x), each, rtol=1e-5, atol=1e-5)
    remedy = "avoid what vmap cannot batch, or declare stackable = False"
    require(same, "stacked networks compute something else than each by itself", remedy)
    kept = [buffer for network in networks for buffer in network.buffers()]
    unchanged = all(torch.equal(a, b) for a, b in zip(before, kept, strict=True))
    require(unchanged, "training changes its buffers", "declare stackable = False")


CHECKS: tuple[Callable[[Built], None], ...] = (
    the_output_is_the_head_of_the_features,
    every_parameter_gets_a_gradient,
    weights_follow_from_the_seed,
    padding_changes_nothing,
    state_makes_the_round_trip,
    stacked_networks_compute_what_each_does,
)
