"""What an algorithm's weights do: mass per group, effective sample size, and whether they settle (Assumption 1)."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot


class Watch:
    """Accumulates the weights of one stage. Settling compares the last tenth of training with the tenth before."""

    def __init__(self, group: Tensor, n_groups: int, epochs: int, batch_size: int, device: torch.device) -> None:
        self.columns = one_hot(group, n_groups).double().to(device)  # (N, G)
        self.epochs, self.window, self.batch_size = epochs, max(1, epochs // 10), batch_size
        # Per window (the tenth before the last, the last) and example: weights, draws, sampling probabilities.
        self.sums = torch.zeros(2, 3, len(group), dtype=torch.float64, device=device)

    def epoch(self, epoch: int, probability: Tensor, index: Tensor, weights: Tensor) -> dict[str, Any]:
        """Summary of one epoch's weights (S, B) on examples `index` (S, B)."""
        w, flat = weights.double(), index.reshape(-1)
        window = 1 - (self.epochs - epoch) // self.window
        if window >= 0:
            self.sums[window, 0].index_add_(0, flat, w.reshape(-1))
            self.sums[window, 1].index_add_(0, flat, torch.ones_like(w).reshape(-1))
            self.sums[window, 2] += probability.to(self.sums)
        mass = (w.reshape(-1, 1) * self.columns[flat]).sum(0) / len(w)
        total = w.sum(1)
        ess = (total**2 / (w**2).sum(1).clamp(min=1e-300) / w.shape[1]).mean()
        numbers = torch.cat([mass, torch.stack([total.mean(), ess, w.max(), (w == 0).double().mean()])])
        *masses, mean_total, mean_ess, largest, zero = numbers.tolist()
        return {"mass": masses, "sum": mean_total, "ess": mean_ess, "max": largest, "zero": zero}

    def effective(self) -> tuple[Tensor, Tensor]:
        """Effective weight per example in both windows, (N,) each: sampling probability x N x mean weight x B.

        1 is what plain ERM gives to every example; NaN where one that may be drawn happened not to be.
        """
        weights, draws, probability = self.sums.unbind(1)
        scale = self.sums.shape[-1] * self.batch_size / self.window
        before, last = torch.where(probability > 0, probability * scale * weights / draws, 0)  # 0 / 0 is NaN
        return before, last

    def settles(self) -> dict[str, float | None]:
        """Whether the effective weights change no more; see `weights_settle`."""
        before, last = self.effective()
        return weights_settle(before.cpu().numpy(), last.cpu().numpy())


def weights_settle(before: NDArray[np.float64], last: NDArray[np.float64]) -> dict[str, float | None]:
    """Assumption 1, from effective weights per example (N,) in the last tenth of training and in the tenth before.

    Effective weights are 1 under plain ERM, so changes are already relative to 1/N. NaN, for an example that a window
    did not visit, is skipped; None where nothing is left.
    """
    change, seen = np.abs(last - before), last[~np.isnan(last)]
    change = change[~np.isnan(change)]
    return {
        "largest_change": float(change.max()) if len(change) else None,
        "smallest": float(seen.min()) if len(seen) else None,
        "share_zero": float((seen == 0).mean()) if len(seen) else None,
    }
