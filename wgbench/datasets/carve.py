"""Validation splits that a source lacks: carved from train, stratified, fixed by a key."""

import numpy as np
from numpy.typing import NDArray

from wgbench.bits import permutation


def carve(strata: NDArray[np.int64], share: float, *key: int) -> NDArray[np.bool_]:
    """Membership in the carved part, (N,): in every stratum `share` of its examples, rounded, at random."""
    carved = np.zeros(len(strata), dtype=bool)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        chosen = permutation(len(members), *key, int(stratum))[: round(share * len(members))]
        carved[members[chosen]] = True
    return carved
