"""The field's own loop, as a baseline and for audits: a DataLoader that asks PIL for one image after another.

Every image is cropped, resized and normalised by itself in every epoch, for evaluation too; nothing is cached or
prepared ahead. Indices, boxes and flips are those of the fast pipeline, so that both see the same pixels in the same
order. Metrics are counted group by group after every batch, each with its own `.item()`. The loader has no processes of
its own: cells run in processes already.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from wgbench.config import Views
from wgbench.engine.crops import Crops, drawn
from wgbench.engine.pil import eval_view, training_view
from wgbench.evaluation.metrics import Tally, predict
from wgbench.types import Preprocess, Ragged

EVAL_BATCH = 128


class Images(Dataset[Tensor]):
    """Normalised images (C, H, W), each made when it is asked for."""

    def __init__(self, n: int, pixels: Callable[[int], NDArray[np.uint8]], preprocess: Preprocess) -> None:
        self.n, self.pixels = n, pixels
        self.mean, self.std = (torch.tensor(v).view(-1, 1, 1) for v in (preprocess.mean, preprocess.std))

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Tensor:
        image = torch.from_numpy(np.array(self.pixels(i))).permute(2, 0, 1).contiguous().float() / 255
        return (image - self.mean) / self.std


class Loader:
    """A split's images, loaded one by one."""

    def __init__(
        self, x: Tensor | Ragged, views: Views, preprocess: Preprocess, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.x, self.views, self.preprocess, self.device, self.dtype = x, views, preprocess, device, dtype
        self.height = np.asarray(x.height) if isinstance(x, Ragged) else np.full(len(x), x.shape[1])
        self.width = np.asarray(x.width) if isinstance(x, Ragged) else np.full(len(x), x.shape[2])

    def batches(self) -> Sequence[Tensor]:
        """In order."""
        return torch.split(torch.arange(len(self.x)), EVAL_BATCH)

    def crops(self, index: Tensor, *key: int) -> Crops | None:
        """As the fast pipeline's."""
        i = index.numpy()
        return drawn(self.height[i], self.width[i], self.views, *key)

    def train(self, index: Tensor, crops: Crops | None) -> Tensor:
        """One batch."""
        return next(self.training(index, crops, len(index)))

    def eval(self, index: Tensor) -> Tensor:
        """One batch."""
        return next(self._load(len(index), lambda k: eval_view(self._image(index[k]), self.views), len(index)))

    def training(self, visits: Tensor, crops: Crops | None, size: int) -> Iterator[Tensor]:
        """Batches of random crops."""
        assert crops is not None
        made = lambda k: training_view(self._image(visits[k]), crops, k, self.views.size)  # noqa: E731
        return self._load(len(visits), made, size)

    def evaluation(self) -> Iterator[Tensor]:
        """Batches of the recipe's evaluation geometry."""
        return self._load(len(self.x), lambda i: eval_view(self._image(i), self.views), EVAL_BATCH)

    def _image(self, i: Tensor | int) -> NDArray[np.uint8]:
        return np.asarray(self.x[int(i)].numpy())

    def _load(self, n: int, pixels: Callable[[int], NDArray[np.uint8]], size: int) -> Iterator[Tensor]:
        """A loader draws from the global generator whenever it is iterated: this one has a generator of its own."""
        loader = DataLoader(Images(n, pixels, self.preprocess), size, generator=torch.Generator())
        return (x.to(self.device, self.dtype) for x in loader)


def count(
    batches: Iterator[tuple[Tensor, Tensor]], targets: Tally, losses: Callable[[Tensor, Tensor], Tensor]
) -> tuple[dict[str, Any], Tensor]:
    """What `Tally.count` gives, from batches of indices and logits, one number after the other.

    `losses` takes logits and indices. Predicted classes (N,) beside the counts.
    """
    columns = targets.columns
    correct, loss = [0] * columns.shape[1], [0.0] * columns.shape[1]
    predicted = torch.empty_like(targets.label)
    for index, logits in batches:
        i = index.to(logits.device)
        predicted[i] = predict(logits)
        hit, losses_of_batch = predicted[i] == targets.label[i], losses(logits, i)
        for k in range(columns.shape[1]):
            member = columns[i, k] > 0
            correct[k] += int(hit[member].sum().item())
            loss[k] += losses_of_batch[member].double().sum().item()
    seen = columns[:, -1] > 0
    counts = [int(((predicted == c) & seen).sum().item()) for c in range(targets.n_classes)]
    groups = targets.n_groups
    return {
        "correct": correct[:groups],
        "class_correct": correct[groups:-1],
        "acc_correct": correct[-1],
        "predicted": counts,
        "loss": loss[:groups],
        "acc_loss": loss[-1],
    }, predicted
