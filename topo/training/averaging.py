"""Moving average of the weights whose memory grows with the number of steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

Average = Callable[[list[Tensor], list[Tensor], Tensor | int], None]


def warmed_average(decay: float) -> WeightAveraging:
    """Return a callback that averages the weights after each step; validation uses the average.

    After n steps the decay is the smaller of ``decay`` and (1 + n) / (10 + n), so that the average
    of a short training does not lag behind it: 60 steps at .99 would keep more than half of the
    random weights.

    Parameters
    ----------
    decay
        Largest decay of the exponential moving average.
    """
    return WeightAveraging(multi_avg_fn=_average(decay))


@torch.no_grad()
def _update(averages: list[Tensor], weights: list[Tensor], decay: float) -> None:
    if torch.is_floating_point(averages[0]):
        torch._foreach_lerp_(averages, weights, 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
        return
    for average, weight in zip(averages, weights, strict=True):  # tables of the grammar
        average.copy_(weight)


def _average(decay: float) -> Average:
    def average(averages: list[Tensor], weights: list[Tensor], steps: Tensor | int) -> None:
        count = float(steps)
        _update(averages, weights, min(decay, (1 + count) / (10 + count)))

    return average
