"""Random bits as a function of a key: counter-based, the same on every platform and version of numpy."""

import numpy as np
from numpy.typing import NDArray


def bits(n: int, *key: int) -> NDArray[np.uint64]:
    """`n` raw 64-bit words of the Philox stream of this key (non-negative integers)."""
    return np.asarray(np.random.Philox(np.random.SeedSequence(key)).random_raw(n), dtype=np.uint64)


def uniform(n: int, *key: int) -> NDArray[np.float64]:
    """`n` draws from [0, 1), 53 bits each."""
    return (bits(n, *key) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permutation(n: int, *key: int) -> NDArray[np.int64]:
    """A permutation of 0 .. n-1."""
    return np.argsort(bits(n, *key), kind="stable")
