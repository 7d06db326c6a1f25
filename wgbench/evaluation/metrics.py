"""Counts per group on one split: the only thing that evaluation measures."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from wgbench.types import Split


@dataclass(frozen=True)
class Tally:
    """Labels and memberships of a split, on a device, ready to count predictions."""

    label: Tensor  # (N,)
    group: Tensor  # (N,) the training group
    columns: Tensor  # (N, G + C + 1) float64: groups that score, classes, everyone
    n_groups: int  # G
    n_classes: int

    def totals(self) -> dict[str, Any]:
        """Examples per group, per class and in all."""
        groups, classes, n = self._cut(self.columns.sum(0))
        return {"total": groups, "class_total": classes, "n": n}

    def count(self, logits: Tensor, losses: Tensor) -> tuple[dict[str, Any], Tensor]:
        """Counts of one evaluation, and predicted classes (N,), from logits (N, C) and losses (N,).

        float64 keeps counts exact below 2^53; one copy to the host per split.
        """
        predicted = predict(logits)
        rows = torch.stack([(predicted == self.label).double(), losses.double()]) @ self.columns
        classes = self.columns[:, -1] @ one_hot(predicted, self.n_classes).double()
        correct, loss, per_class = (r.tolist() for r in (rows[0], rows[1], classes))  # the sync of the epoch
        return self._told(correct, loss, per_class), predicted

    def counts(self, logits: Tensor, losses: Tensor) -> list[tuple[dict[str, Any], Tensor]]:
        """The same of R networks at once, from logits (R, N, C) and losses (R, N)."""
        predicted = predict(logits)
        rows = torch.stack([(predicted == self.label).double(), losses.double()], 1)  # (R, 2, N)
        sums = torch.bmm(rows, self.columns.expand(len(rows), -1, -1))  # one product each: R changes no rounding
        scored = self.columns[:, -1, None]
        classes = (one_hot(predicted, self.n_classes).double() * scored).sum(1)  # (R, C)
        told = zip(sums.tolist(), classes.tolist(), predicted, strict=True)  # the sync of the epoch
        return [(self._told(correct, loss, per_class), classes) for (correct, loss), per_class, classes in told]

    def _told(self, correct: list[float], loss: list[float], per_class: list[float]) -> dict[str, Any]:
        groups, of_class, everyone = self._cut(correct)
        return {
            "correct": groups,
            "class_correct": of_class,
            "acc_correct": everyone,
            "predicted": [int(n) for n in per_class],
            "loss": loss[: self.n_groups],
            "acc_loss": loss[-1],
        }

    def only(self, scored: Tensor) -> "Tally":
        """A tally that counts a part of the examples, (N,) bool."""
        return replace(self, columns=self.columns * scored.to(self.columns)[:, None])

    def _cut(self, row: Any) -> tuple[list[int], list[int], int]:
        values = [int(v) for v in row]
        return values[: self.n_groups], values[self.n_groups : -1], values[-1]


def tally(split: Split, device: torch.device) -> Tally:
    """The tally of a split."""
    columns = torch.cat(
        [split.columns.double(), one_hot(split.label, split.n_classes).double(), torch.ones(len(split), 1).double()], 1
    )
    scored = split.columns.shape[1]
    return Tally(split.label.to(device), split.group.to(device), columns.to(device), scored, split.n_classes)


def predict(logits: Tensor) -> Tensor:
    """Predicted classes (..., N) from logits (..., N, C), or (..., N, 1) where the sign decides."""
    return (logits[..., 0] > 0).long() if logits.shape[-1] == 1 else logits.argmax(-1)
