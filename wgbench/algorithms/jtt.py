"""JTT, just train twice: find what ERM gets wrong early, then train on with those examples repeated.

Liu et al., "Just train twice: improving group robustness without training group information" (ICML 2021). Stage 1:
ERM for `epochs` epochs with its own `lr` and `weight_decay`; its errors are the set E. Stage 2: from the original
initial weights, on the training set plus `up` more copies of E, with the cell's recipe and weight decay. In the
authors' code, as here, an error appears up + 1 times, and predictions are those made online, in training mode in the
last epoch of stage 1; others take an evaluation pass: `errors`. Departures: stage 2 has as many steps as any other
algorithm's epochs (the authors count passes over the longer list: `own_epochs`), and the cell's lr (theirs is stage
1's). The published T, up, lr and weight decay differ by dataset and come with it; the defaults here are Waterbirds'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from wgbench.algorithms.base import Algorithm, Fit, Trained
from wgbench.algorithms.ranges import Choices, LogUniform, Range
from wgbench.algorithms.weights import counts
from wgbench.errors import AlgorithmFailed
from wgbench.types import Data, Sampling, Split


@dataclass(frozen=True)
class JTT(Algorithm):
    """Upweights the errors of a short ERM run (Liu et al. 2021)."""

    epochs: Annotated[int, Field(gt=0)] = 60
    up: Annotated[int, Field(ge=0)] = 100
    lr: Annotated[float, Field(gt=0)] = 1e-5
    weight_decay: Annotated[float, Field(ge=0)] = 1.0
    errors: Literal["online", "evaluation"] = "online"
    own_epochs: bool = False
    search: ClassVar[
        Mapping[str, Range]
    ] = {  # the authors' grids on all datasets, with higher rates for small networks
        "epochs": Choices((1, 5, 10, 40, 60)),
        "up": Choices((5, 20, 50, 100)),
        "lr": LogUniform(1e-5, 1e-2),
        "weight_decay": Choices((0.0, 0.1, 1.0)),
    }

    def run(self, fit: Fit, data: Data) -> Trained:
        """Identification, then training with the errors repeated."""
        recipe = {"epochs": self.epochs, "lr": self.lr, "weight_decay": self.weight_decay}
        first = fit(Algorithm(), recipe=recipe, record=("online_predictions",))
        wrong = self._wrong(first, data.train)
        fit.note("error_set", described(wrong, data.train))
        size = int(wrong.sum())
        if size in (0, len(data.train)):
            raise AlgorithmFailed(
                "algorithm jtt",
                f"stage 1 got {size} of {len(data.train)} training examples wrong: there is nothing to upweight",
                "train it " + ("shorter: --set epochs=..." if size == 0 else "longer, or with a larger --set lr=..."),
            )
        return fit(Algorithm(), sampling=Sampling(1 + self.up * wrong.long(), own_epochs=self.own_epochs))

    def _wrong(self, first: Trained, train: Split) -> Tensor:
        """Membership in the error set, (N,) bool. An example that the last epoch left out is no error."""
        if self.errors == "evaluation":
            return (first.logits(train).argmax(1).cpu() != train.label).cpu()
        online = first.recorded("online_predictions").cpu()
        return (online >= 0) & (online != train.label)


def described(wrong: Tensor, train: Split) -> dict[str, Any]:
    """Size and members of the error set; per group its share of the set (precision) and of the group (recall)."""
    within, groups = counts(train.group[wrong], train.n_groups), counts(train.group, train.n_groups)
    return {
        "size": int(wrong.sum()),
        "precision": (within / within.sum().clamp(min=1)).tolist(),
        "recall": (within / groups.clamp(min=1)).tolist(),
        "members": wrong.nonzero()[:, 0].tolist(),
    }
