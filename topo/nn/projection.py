"""Learned projection of the features of a file onto the node features."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FeatureProjection(nn.Module):
    """Standardised features, mapped linearly; a learned vector where a protein has none.

    The mean and the deviation of each feature are those of the training proteins
    (:meth:`standardise`). The projection computes in float32.

    Parameters
    ----------
    features
        Number of features of a residue.
    width
        Number of channels of the result.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.project = nn.Linear(features, width)
        # The channels together enter the encoder with the size of one one-hot residue.
        nn.init.normal_(self.project.weight, std=(features * width) ** -0.5)
        self.unknown = nn.Parameter(torch.zeros(width))

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Set mean and deviation of each feature, float32 (F,)."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def forward(self, features: Tensor, known: Tensor) -> Tensor:
        """Map features (R, F), of which rows ``known`` (R,) are read, to (R, width)."""
        with torch.autocast(features.device.type, enabled=False):
            x = self.project((features - self.mean) / self.deviation)
            return torch.where(known[:, None], x, self.unknown)
