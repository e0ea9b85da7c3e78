"""Convolutions along the chain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from topo.config import ConvConfig
from topo.nn.recurrent import ChainDropout


class ChainConvolution(nn.Module):
    """Conv1d layers over each chain, zero-padded at its ends, each followed by ReLU and dropout."""

    def __init__(self, width: int, layers: Sequence[ConvConfig], dropout: float) -> None:
        super().__init__()
        convolutions = []
        for layer in layers:
            convolutions.append(
                nn.Conv1d(width, layer.filters, layer.width, padding=layer.width // 2)
            )
            width = layer.filters
        self.convolutions = nn.ModuleList(convolutions)
        self.margin = max((layer.width // 2 for layer in layers), default=0)
        self.dropout = ChainDropout(dropout)
        self.width = width

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map residues (R, D) of chains of these lengths (B,) to (R, width).

        The chains are concatenated with a margin of zeros between them, as wide as the widest
        filter reaches, so that no chain sees another and nothing is padded to the longest.
        """
        if not self.convolutions:
            return x
        chain = torch.repeat_interleave(torch.arange(len(lengths), device=x.device), lengths)
        rows = torch.arange(len(x), device=x.device) + self.margin * chain
        size = len(x) + self.margin * (len(lengths) - 1)
        for convolution in self.convolutions:
            line = x.new_zeros(size, x.shape[1]).index_copy(0, rows, x)
            x = convolution(line.T[None])[0].T[rows]
            x = self.dropout(torch.relu(x), lengths)
        return x
