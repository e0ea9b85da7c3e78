"""Graph convolutions over the residue graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GATv2Conv, GCNConv, RGCNConv, SAGEConv

from topo.config import EncoderConfig
from topo.nn.recurrent import ChainDropout


class GraphEncoder(nn.Module):
    """Graph convolutions of width ``gcs``, each normalised, rectified and added to its input.

    =====  ==============================================  =====================================
    kind   source                                          what it sees of an edge
    =====  ==============================================  =====================================
    gcn    Kipf & Welling 2017                             nothing
    sage   Hamilton et al. 2017, mean                      nothing
    gat    Brody et al. 2022 (GATv2), up to 4 heads        signed separation, embedded
    rgcn   Schlichtkrull et al. 2018, mean                 signed separation, a weight for each
    =====  ==============================================  =====================================

    Sizes are small and sums over neighbours lose digits in bfloat16, so the encoder always
    computes in float32.
    """

    def __init__(self, features: int, window: int, config: EncoderConfig) -> None:
        super().__init__()
        self.kind, self.width = config.kind, config.gcs or features
        self.reach = config.relations if config.kind == "rgcn" else window
        if not config.gcs:
            return
        self.embed = nn.Linear(features, config.gcs)
        self.convolutions = nn.ModuleList(self._convolution(config) for _ in range(config.layers))
        self.norms = nn.ModuleList(nn.LayerNorm(config.gcs) for _ in range(config.layers))
        self.dropout = ChainDropout(config.dropout)
        if config.kind == "gat":
            self.separations = nn.Embedding(2 * self.reach + 1, 16)

    def _convolution(self, config: EncoderConfig) -> nn.Module:
        width = config.gcs
        if config.kind == "gcn":
            return GCNConv(width, width)
        if config.kind == "sage":
            return SAGEConv(width, width)
        if config.kind == "rgcn":
            return RGCNConv(width, width, num_relations=2 * self.reach)
        heads = 4 if width % 4 == 0 else 1
        return GATv2Conv(width, width // heads, heads=heads, edge_dim=16)

    def forward(self, graph: Data) -> Tensor:
        """Map node features (R, D) to (R, width)."""
        if not hasattr(self, "embed"):
            return graph.x
        with torch.autocast(graph.x.device.type, enabled=False):
            arguments = (graph.edge_index, *self._edge_arguments(graph))
            x = self.embed(graph.x)
            for convolution, norm in zip(self.convolutions, self.norms, strict=True):
                x = x + self.dropout(torch.relu(norm(convolution(x, *arguments))), graph.length)
        return x

    def _edge_arguments(self, graph: Data) -> tuple[Tensor, ...]:
        """Return what this kind takes for each edge (E,) beside its end points."""
        if self.kind in ("gcn", "sage"):
            return ()
        separation = graph.separation.clamp(-self.reach, self.reach)
        if self.kind == "rgcn":  # no edge has separation 0
            return (separation + self.reach - (separation > 0).long(),)
        return (self.separations(separation + self.reach),)
