"""How an attribute is made to agree with a label: exactly, in a share of every class."""

import numpy as np
from numpy.typing import NDArray

from wgbench.bits import permutation


def agreeing(label: NDArray[np.int64], share: float, *key: int) -> NDArray[np.int64]:
    """An attribute (N,) in {0, 1} that equals the label for `share` of the examples of each class, rounded."""
    attribute = label.copy()
    for y in (0, 1):
        members = np.flatnonzero(label == y)
        members = members[permutation(len(members), *key, y)]
        attribute[members[round(share * len(members)) :]] = 1 - y
    return attribute
