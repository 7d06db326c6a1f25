"""A bag of word embeddings: quick on a CPU, no download, wide enough to interpolate."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from wgbench.backbones.base import Backbone, Network
from wgbench.backbones.small import no_pretrained
from wgbench.types import Preprocess, Spec

Positive = Annotated[int, Field(gt=0)]


class BagNetwork(Network):
    """Mean embeddings of both parts of a text, a hidden ReLU layer, a linear head."""

    def __init__(self, buckets: int, embedding: int, width: int, n_outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(buckets, embedding)
        self.hidden = nn.Linear(2 * embedding, width)
        self.head = nn.Linear(width, n_outputs)

    def features(self, x: Tensor) -> Tensor:
        """Token ids and parts (B, L, 2), as `Tokens.gather` gives them, to (B, width)."""
        vectors, part = self.embedding(x[:, :, 0]), x[:, :, 1]  # (B, L, E)
        share = torch.stack([part == 1, part == 2], 1).to(vectors)  # (B, 2, L)
        share = share / share.sum(2, keepdim=True).clamp(min=1)
        return torch.relu(self.hidden((share @ vectors).flatten(1)))


@dataclass(frozen=True)
class Bag(Backbone):
    """Words hashed into `buckets`, embedded in `embedding` dimensions and averaged, then `width` ReLU units."""

    buckets: Annotated[int, Field(gt=1)] = 32768
    embedding: Positive = 64
    width: Positive = 256

    def preprocess(self) -> Preprocess:
        """Words, hashed."""
        return Preprocess(tokenizer=f"words:{self.buckets}")

    def build(self, spec: Spec) -> Network:
        """PyTorch's default initialisation."""
        no_pretrained("bag", spec)
        return BagNetwork(self.buckets, self.embedding, self.width, spec.n_outputs)
