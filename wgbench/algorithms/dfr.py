"""DFR, deep feature reweighting: ERM's features, with the last layer refitted on group-balanced validation data.

Kirichenko et al., "Last layer re-training is sufficient for robustness to spurious correlations" (ICLR 2023).
Features are standardised with training statistics; an L1-penalised logistic regression is fitted on random group-
balanced subsets, and `refits` solutions are averaged; its C is the one of `strengths` with the best worst-group
accuracy on data not fitted on.

Departures: the authors tune C on one half of val and refit on all of it; here half A fits and half B tunes C and
serves the protocol's selection, so that nothing is selected on data that was trained on. The head is refitted at the
epochs that the protocol averages over (early window, last epochs); other epochs have no scores.
"""

import inspect
import warnings
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm, Fit, Head, Refit, Trained
from wgbench.algorithms.weights import subset
from wgbench.errors import AlgorithmFailed
from wgbench.types import Data, Split

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DFR(Algorithm):
    """Last-layer retraining on group-balanced validation data (Kirichenko et al. 2023)."""

    strengths: tuple[Annotated[float, Field(gt=0)], ...] = (1.0, 0.7, 0.3, 0.1, 0.07, 0.03, 0.01)
    refits: Annotated[int, Field(gt=0)] = 20
    needs: ClassVar[frozenset[str]] = frozenset({"val_group", "val_label"})

    def run(self, fit: Fit, data: Data) -> Trained:
        """ERM; its head is refitted wherever it is scored."""
        val = data.val
        fitted = _half(val, fit.generator(1))

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
            weight, bias = _logistic(z, label, chosen[0], strength, val.n_classes)
            right = (z[kept] @ weight.T + bias).argmax(1) == label[kept]
            return float(min(right[group[kept] == g].mean() for g in np.unique(group[kept])))

        best = max(self.strengths, key=worst)
        solutions = [_logistic(z, label, rows, best, val.n_classes) for rows in chosen]
        return np.mean([w for w, _ in solutions], axis=0), np.mean([b for _, b in solutions], axis=0)


def _half(val: Split, rng: torch.Generator) -> Tensor:
    """A random half of every group of val, (N,) bool."""
    half = torch.zeros(len(val), dtype=torch.bool)
    for g in torch.unique(val.group).tolist():
        members = (val.group == g).nonzero()[:, 0]
        if len(members) < 2:
            wrong = f"group {g} has {len(members)} validation example, and fitting and tuning need one each"
            raise AlgorithmFailed("algorithm dfr", wrong, "use a dataset with more validation examples")
        half[members[torch.randperm(len(members), generator=rng)[: len(members) // 2]]] = True
    return half


def _balanced(val: Split, fitted: Tensor, rng: torch.Generator) -> NDArray[np.int64]:
    """Indices of a random group-balanced subset of the fitted half."""
    rows = fitted.nonzero()[:, 0]
    keep = subset(val.group[rows], val.n_groups, rng).bool()
    return np.asarray(rows[keep].numpy())


def _logistic(
    z: Array, label: NDArray[np.int64], rows: NDArray[np.int64], strength: float, n_classes: int
) -> tuple[Array, Array]:
    """L1-penalised logistic regression with scikit-learn: weight (C, D), bias (C,)."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a strength at which it has not converged loses on half B
        model = LogisticRegression(C=strength, **_l1(n_classes)).fit(z[rows], label[rows])
    if n_classes > 2:
        return np.asarray(model.coef_), np.asarray(model.intercept_)
    return np.stack([-model.coef_[0], model.coef_[0]]) / 2, np.array([-1.0, 1.0]) * model.intercept_[0] / 2


def _l1(n_classes: int) -> dict[str, Any]:
    """How this version of scikit-learn wants to hear `L1`."""
    from sklearn.linear_model import LogisticRegression

    solver: dict[str, Any] = {"solver": "liblinear" if n_classes == 2 else "saga", "random_state": 0, "max_iter": 200}
    ratio = inspect.signature(LogisticRegression.__init__).parameters["l1_ratio"].default
    return solver | ({"penalty": "l1"} if ratio is None else {"l1_ratio": 1.0})
