"""Adapter to transformers: any text model of the Hugging Face hub by name, as `text:<name>` (the extra `text`)."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wgbench import hub
from wgbench.backbones.base import Backbone, Network
from wgbench.backbones.weights import load_body
from wgbench.errors import MissingExtra, MissingWeights
from wgbench.types import Preprocess, Spec


class HubNetwork(Network):
    """A sequence classifier of transformers, cut at its last linear layer."""

    def __init__(self, model: nn.Module, pad: int, parts: int) -> None:
        super().__init__()
        self.pad, self.parts = pad, parts
        where, head = _last_linear(model)
        parent, _, name = where.rpartition(".")
        setattr(model.get_submodule(parent), name, nn.Identity())
        self.model, self.head = model, head

    def features(self, x: Tensor) -> Tensor:
        """Token ids and parts (B, L, 2), as `Tokens.gather` gives them, to what the classifier sees, (B, D)."""
        there = x[:, :, 1] > 0
        given: dict[str, Tensor] = {"attention_mask": there.long()}
        if self.parts > 1:
            given["token_type_ids"] = (x[:, :, 1] - 1).clamp(min=0)
        out: Tensor = self.model(input_ids=x[:, :, 0].masked_fill(~there, self.pad), **given).logits
        return out


@dataclass(frozen=True)
class HubText(Backbone):
    """The hub's model `name` at `revision`, with a new head. Its own tokenizer reads the texts."""

    name: str
    revision: str = "main"

    def preprocess(self) -> Preprocess:
        """The model's tokenizer."""
        return Preprocess(tokenizer=f"hub:{self.name}@{self.revision}")

    def fetch(self, spec: Spec) -> None:
        """Download the model into the hub's cache, once, before workers start."""
        self.build(spec)

    def build(self, spec: Spec) -> Network:
        """A network with `n_outputs` outputs; the head is always new. MissingWeights where the hub does not deliver."""
        config = self._got("AutoConfig", num_labels=spec.n_outputs)
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = getattr(config, "eos_token_id", None) or 0  # decoders have none of their own
        if spec.pretrained and spec.weights is None:
            model = self._got("AutoModelForSequenceClassification", config=config, dtype=torch.float32)
        else:
            model = _transformers().AutoModelForSequenceClassification.from_config(config)
        if spec.weights is not None:
            load_body(model, spec.weights, {_last_linear(model)[0]})
        return HubNetwork(model, config.pad_token_id, getattr(config, "type_vocab_size", 0) or 0)

    def _got(self, kind: str, **options: Any) -> Any:
        """`kind.from_pretrained` of this model."""
        transformers = _transformers()
        transformers.logging.set_verbosity_error()  # a new head is what is wanted, and no warning
        transformers.logging.disable_progress_bar()
        try:
            with hub.asking():
                return getattr(transformers, kind).from_pretrained(self.name, revision=self.revision, **options)
        except Exception as problem:  # the hub's client, the network and damaged files each raise errors of their own
            raise MissingWeights(
                f"text:{self.name}@{self.revision}",
                f"the hub did not deliver it ({type(problem).__name__})",
                "check the name, download it where there is a network and set HF_HOME to that cache, or take "
                "--backbone bag --no-pretrained",
            ) from problem


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise MissingExtra("text:<name>", "transformers is not installed", "pip install 'wgbench[text]'") from None
    return transformers


def _last_linear(model: nn.Module) -> tuple[str, nn.Module]:
    """Name and module of the layer that gives the logits: the last linear one."""
    return [(name, m) for name, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
