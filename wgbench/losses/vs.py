"""VS, the vector-scaling loss: multiplicative and additive margins, per class or per group.

Kini et al., "Label-imbalanced and group-sensitive classification under overparameterization" (NeurIPS 2021). By
class, Eq. 2: -log( exp(D_y f_y + i_y) / sum_c exp(D_c f_c + i_c) ), D_c = (n_c / n_max)^gamma, i_c = tau log(n_c /
n). By group, Eq. 4 (binary there): log(1 + exp(i_g) exp(-D_g y f)), here for any number of classes as cross-entropy
of D_g f with i_g taken from the logit of the label, D_g = (n_g / n_max)^gamma, i_g = -tau log(n_g / n): rare groups
get the larger margin. Defaults are those of the paper's label-imbalanced CIFAR-10. The multiplicative part is what
still acts at interpolation.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from wgbench.losses.base import Loss, class_sizes, group_sizes
from wgbench.types import Split, State


@dataclass(frozen=True)
class VectorScaling(Loss):
    """Cross-entropy with logits scaled and shifted by frequency (Kini et al. 2021)."""

    gamma: Annotated[float, Field(ge=0)] = 0.15
    tau: Annotated[float, Field(ge=0)] = 1.25
    by: Literal["class", "group"] = "class"
    steady: ClassVar[bool] = True

    @property
    def needs(self) -> frozenset[str]:
        """Groups, where they decide."""
        return frozenset({"train_group"}) if self.by == "group" else frozenset()

    def init(self, train: Split) -> State:
        """`scale` and `shift`, per class (C,) or per group (G,)."""
        n = class_sizes(train) if self.by == "class" else group_sizes(train)
        return {"scale": (n / n.max()) ** self.gamma, "shift": self.tau * (n / n.sum()).log()}

    def per_example(self, logits: Tensor, label: Tensor, group: Tensor, epoch: int, state: State) -> Tensor:  # noqa: ARG002
        """Cross-entropy of the adjusted logits, (B,)."""
        scale, shift = state["scale"].to(logits), state["shift"].to(logits)
        if self.by == "class":
            adjusted = logits * scale + shift
        else:
            column = functional.one_hot(label, logits.shape[-1]).to(logits)
            adjusted = logits * scale[group, None] + column * shift[group, None]
        return functional.cross_entropy(adjusted, label, reduction="none")
