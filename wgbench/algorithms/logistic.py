"""L1-penalised logistic regression, scikit-learn's, as a linear head."""

import inspect
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def l1_logistic(
    z: Array, label: NDArray[np.int64], rows: NDArray[np.int64], strength: float, n_classes: int
) -> tuple[Array, Array]:
    """Weight (C, D) and bias (C,) fitted on some rows of features `z` (N, D) and labels (N,); `strength` is C."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a strength at which it has not converged loses where strengths are compared
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
