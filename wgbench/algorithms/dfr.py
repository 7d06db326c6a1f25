"""DFR, deep feature reweighting: ERM's features, with the last layer refitted on group-balanced validation data.

Kirichenko et al., "Last layer re-training is sufficient for robustness to spurious correlations" (ICLR 2023).
Features are standardised with training statistics; an L1-penalised logistic regression is fitted on random group-
balanced subsets, and `refits` solutions are averaged; its C is the one of `strengths` with the best worst-group
accuracy on data not fitted on.

Departures: the authors tune C on one half of val and refit on all of it; here half A fits and half B tunes C and serves
selection, so that nothing is selected on data that was trained on. The head is refitted at the epochs that the protocol
averages over (early window, last epochs); other epochs have no scores.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm, Fit, Head, Refit, Trained
from wgbench.algorithms.logistic import Array, l1_logistic
from wgbench.algorithms.weights import half, subset
from wgbench.errors import AlgorithmFailed
from wgbench.types import Data, Split


@dataclass(frozen=True)
class DFR(Algorithm):
    """Last-layer retraining on group-balanced validation data (Kirichenko et al. 2023)."""

    strengths: tuple[Annotated[float, Field(gt=0)], ...] = (1.0, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01)
    refits: Annotated[int, Field(gt=0)] = 20
    needs: ClassVar[frozenset[str]] = frozenset({"val_group", "val_label"})

    def run(self, fit: Fit, data: Data) -> Trained:
        """ERM; its head is refitted wherever it is scored."""
        val = data.val
        fitted = half(val.group, val.n_groups, fit.generator(1))
        if missing := sorted(set(val.group.tolist()) - set(val.group[fitted].tolist())):
            wrong = f"group {missing[0]} has 1 validation example, and fitting and tuning need one each"
            raise AlgorithmFailed("algorithm dfr", wrong, "use a dataset with more validation examples")

        def head(train_features: Tensor, val_features: Tensor, rng: torch.Generator) -> Head:
            mean, std = train_features.mean(0), train_features.std(0).clamp(min=1e-8)
            z = ((val_features - mean) / std).double().cpu().numpy()
            weight, bias = self._tuned(z, val, fitted, rng)
            w = torch.from_numpy(weight).to(train_features) / std
            return w, torch.from_numpy(bias).to(train_features) - w @ mean

        return fit(Algorithm(), refit=Refit(head, ~fitted))

    def _tuned(self, z: Array, val: Split, fitted: Tensor, rng: torch.Generator) -> tuple[Array, Array]:
        """Weight (C, D) and bias (C,) of the averaged refits at the best strength."""
        chosen = [_balanced(val, fitted, rng) for _ in range(self.refits)]
        label, group = val.label.numpy(), val.group.numpy()
        kept = (~fitted).numpy()

        def worst(strength: float) -> float:
            weight, bias = l1_logistic(z, label, chosen[0], strength, val.n_classes)
            right = (z[kept] @ weight.T + bias).argmax(1) == label[kept]
            return float(min(right[group[kept] == g].mean() for g in np.unique(group[kept])))

        best = max(self.strengths, key=worst)
        solutions = [l1_logistic(z, label, rows, best, val.n_classes) for rows in chosen]
        return np.mean([w for w, _ in solutions], axis=0), np.mean([b for _, b in solutions], axis=0)


def _balanced(val: Split, fitted: Tensor, rng: torch.Generator) -> NDArray[np.int64]:
    """Indices of a random group-balanced subset of the fitted half."""
    rows = fitted.nonzero()[:, 0]
    keep = subset(val.group[rows], val.n_groups, rng).bool()
    return np.asarray(rows[keep].numpy())
