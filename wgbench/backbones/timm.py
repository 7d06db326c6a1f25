"""Adapter to timm: any of its image models by name, as `timm:<name>`."""

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from wgbench import hub
from wgbench.backbones.base import Backbone, Network
from wgbench.backbones.weights import load_body, read_weights
from wgbench.errors import MissingWeights, UnknownName
from wgbench.types import Preprocess, Spec

IMAGENET = Preprocess((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 224)


class TimmNetwork(Network):
    """A timm model, split into features and head."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    @property
    def head(self) -> nn.Module:  # type: ignore[override]
        """timm's classifier."""
        head: nn.Module = self.model.get_classifier()  # type: ignore[operator]
        return head

    def features(self, x: Tensor) -> Tensor:
        """Pooled features before the classifier, (B, D)."""
        model: Any = self.model
        out: Tensor = model.forward_head(model.forward_features(x), pre_logits=True)
        return out


@dataclass(frozen=True)
class Timm(Backbone):
    """The timm model `name`, its tag included (`resnet18.tv_in1k`).

    From scratch a ResNet starts as torchvision's does: timm's zero initialisation of each block's last norm is off.
    """

    name: str
    convolutional: ClassVar[bool] = True

    def preprocess(self) -> Preprocess:
        """Mean, std and size of the model's pretrained configuration; ImageNet's where it has none."""
        import timm

        cfg = timm.get_pretrained_cfg(self._known())
        return Preprocess(cfg.mean, cfg.std, cfg.input_size[-1]) if cfg else IMAGENET

    def fetch(self, spec: Spec) -> None:
        """Download pretrained weights into the hub's cache, once, before workers start."""
        if spec.weights is not None:
            read_weights(spec.weights)
        elif spec.pretrained:
            self.build(spec)

    def build(self, spec: Spec) -> Network:
        """A network with `n_outputs` outputs; the head is always new."""
        import timm

        name = self._known()
        options: dict[str, Any] = {"num_classes": spec.n_outputs, "in_chans": spec.shape[0]}
        if "zero_init_last" in _model_options(name):
            options["zero_init_last"] = False
        if spec.weights is not None:
            model = timm.create_model(name, **options)
            load_body(model, spec.weights, _head_names(model))
        elif spec.pretrained:
            model = _from_hub(name, options)
        else:
            model = timm.create_model(name, **options)
        return TimmNetwork(model)

    def _known(self) -> str:
        import timm

        if not timm.is_model(self.name):
            close = timm.list_models(f"*{self.name.partition('.')[0]}*")[:3]
            guess = f"did you mean {' or '.join(close)}?" if close else "`wgbench ls backbones 'timm:*'` lists them"
            raise UnknownName(f"backbones 'timm:{self.name}'", "timm has no such model", guess)
        return self.name


def _head_names(model: nn.Module) -> set[str]:
    head = model.get_classifier()  # type: ignore[operator]
    return {name for name, module in model.named_modules() if module is head}


def _model_options(name: str) -> set[str]:
    """Arguments of the class behind a timm name, as far as they can be seen."""
    import timm

    module = inspect.getmodule(timm.model_entrypoint(name))
    resnet = getattr(module, "ResNet", None)
    return set(inspect.signature(resnet.__init__).parameters) if resnet and name.startswith("resnet") else set()


def _from_hub(name: str, options: dict[str, Any]) -> nn.Module:
    import timm

    try:
        with hub.asking():
            model: nn.Module = timm.create_model(name, pretrained=True, **options)
    except Exception as problem:  # timm, the hub's client and the network each raise errors of their own
        raise MissingWeights(
            f"pretrained weights of timm:{name}",
            f"the hub did not deliver them ({type(problem).__name__})",
            "give a file with --weights PATH (timm's safetensors or torchvision's .pth), or start from scratch with "
            "--no-pretrained",
        ) from problem
    return model
