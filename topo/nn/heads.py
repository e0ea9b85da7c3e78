"""Output heads on the recurrent stack: scores per residue and per chain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topo.nn.scatter import scatter_max, scatter_mean


class ResidueHead(nn.Sequential):
    """Hidden layer and a score for each of ``channels``: (R, D) to (R, channels)."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, channels))


class TypeHead(nn.Module):
    """Mean and maximum over the chain, a hidden layer, a score for each type or class."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(2 * width, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, x: Tensor, batch: Tensor, chains: int) -> Tensor:
        """Map residues (R, D), each of chain ``batch`` (R,), to scores (chains, classes)."""
        pooled = [scatter_mean(x, batch, chains), scatter_max(x, batch, chains)]
        return self.score(torch.cat(pooled, dim=1))
