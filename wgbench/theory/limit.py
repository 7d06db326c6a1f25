"""Limiting kernels of the network of Eq. 8 with sigma = erf: Eq. 36 and 37, and the one of a Gaussian last layer.

For (u, v) Gaussian with covariance S, E[erf(u) erf(v)] = (2/pi) arcsin(2 S_uv / sqrt((1 + 2 S_uu)(1 + 2 S_vv))) and
E[erf'(u) erf'(v)] = (4/pi) / sqrt((1 + 2 S_uu)(1 + 2 S_vv) - 4 S_uv^2) (Williams 1997).
"""

import math

import torch
from torch import Tensor


def expected_product(covariance: Tensor) -> Tensor:
    """E[sigma sigma'] of a Gaussian process with this covariance (N, N)."""
    return 2 / math.pi * torch.asin(2 * covariance / _product(covariance).sqrt())


def expected_slopes(covariance: Tensor) -> Tensor:
    """E of the product of the derivatives of sigma."""
    return 4 / math.pi / (_product(covariance) - 4 * covariance.square()).sqrt()


def limiting_kernel(x: Tensor, depth: int, beta: float, last: str) -> Tensor:
    """Theta on points (N, d0) with `depth` hidden layers.

    Zero last layer: E[sigma sigma'] + beta^2 of the last covariance (Eq. 37). Gaussian last layer: the recursion of
    Jacot et al. (2018) over all layers, Theta^{l+1} = Sigma^{l+1} + Theta^l E[sigma' sigma'].
    """
    covariance = x @ x.T / x.shape[1] + beta**2  # Eq. 36
    theta = covariance
    for _ in range(depth):
        slopes = expected_slopes(covariance)
        covariance = expected_product(covariance) + beta**2
        theta = covariance + theta * slopes
    return covariance if last == "zero" else theta


def _product(covariance: Tensor) -> Tensor:
    diagonal = 1 + 2 * covariance.diagonal()
    return diagonal[:, None] * diagonal
