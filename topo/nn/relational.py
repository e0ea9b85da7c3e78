"""Relational graph convolution (Schlichtkrull et al. 2018), the default of the encoder.

torch-geometric's ``RGCNConv`` computes the same, with the same names of weights and the same draws
of initial weights; a test compares them. The import of torch-geometric takes longer than that of
torch, and a prediction with the default architecture needs nothing else of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from topo.nn.scatter import scatter_mean


class RelationalConvolution(nn.Module):
    """Sum over relations of the mean of the neighbours' features, each with weights of its own.

    Parameters
    ----------
    width
        Number of features of a node, before and after.
    relations
        Number of relations.
    """

    def __init__(self, width: int, relations: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(relations, width, width))
        self.root = nn.Parameter(torch.empty(width, width))
        self.bias = nn.Parameter(torch.zeros(width))
        bound = math.sqrt(3 / width)  # Glorot & Bengio 2010
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.root, -bound, bound)

    def forward(self, x: Tensor, edges: Tensor, relation: Tensor) -> Tensor:
        """Map node features (R, width) to (R, width).

        Parameters
        ----------
        x
            Node features, float32, shape (R, width).
        edges
            Source and target node of each edge, int64, shape (2, E).
        relation
            Relation of each edge, int64, shape (E,).
        """
        out = x.new_zeros(x.shape)
        for number, weight in enumerate(self.weight):
            source, target = edges[:, relation == number]
            out = out + scatter_mean(x.index_select(0, source), target, len(x)) @ weight
        return out + x @ self.root + self.bias
