"""Graph convolutions over the residue graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topo.config import EncoderConfig, GraphConfig
from topo.graph import ResidueGraph
from topo.nn.recurrent import ChainDropout
from topo.nn.relational import RelationalConvolution
from topo.nn.templates import remove_templates

INPUT_SCALE, BRANCH_GAIN = 0.7, 0.3
"""Initial standard deviation of the embedding's weights, and scale of a convolution's output.

Most features are one-hot: with weights of this size residues differ from the start, and the
averages over neighbours are small additions to them.
"""

_FAR = 5
"""Doublings of the chain window that distinguish the separations of spatial edges."""


class GraphEncoder(nn.Module):
    """Graph convolutions of width ``gcs``, each normalised, rectified and added to its input.

    ======  =============================================  =====================================
    kind    source                                         edge features
    ======  =============================================  =====================================
    gcn     Kipf & Welling 2017                            nothing
    sage    Hamilton et al. 2017, mean                     nothing
    gat     Brody et al. 2022 (GATv2), up to 4 heads       distance, signed separation, embedded
    rgcn    Schlichtkrull et al. 2018, mean                signed separation, a weight for each
    schnet  Schuett et al. 2017, continuous filter         distance, signed separation, embedded
    ======  =============================================  =====================================

    For graphs with structure, the encoder also uses the distances of edges, and distinguishes
    separations beyond the chain window by their binary logarithm (in rgcn by their sign).

    torch-geometric has the convolutions other than rgcn; it is imported only for these.

    Sizes are small and sums over neighbours lose digits in bfloat16, so the encoder always
    computes in float32.
    """

    def __init__(self, features: int, graph: GraphConfig, config: EncoderConfig) -> None:
        super().__init__()
        self.kind, self.width = config.kind, config.gcs or features
        self.window, self.structure, self.cutoff = graph.window, graph.structure, config.cutoff
        self.reach = config.relations if config.kind == "rgcn" else graph.window
        if not config.gcs:
            return
        self.embed = nn.Linear(features, config.gcs)
        self.convolutions = nn.ModuleList(self._convolution(config) for _ in range(config.layers))
        remove_templates()
        norms = [nn.LayerNorm(config.gcs) for _ in range(config.layers)]
        self.norms = nn.ModuleList(norms)
        nn.init.normal_(self.embed.weight, std=INPUT_SCALE)
        for norm in norms:
            nn.init.constant_(norm.weight, BRANCH_GAIN)
        self.dropout = ChainDropout(config.dropout)
        if config.kind in ("gat", "schnet"):
            edge_width = 16 if config.kind == "gat" else config.gaussians
            self.reach += _FAR if graph.structure else 0
            self.separations = nn.Embedding(2 * self.reach + 1, edge_width)
            if graph.structure:
                self.distances = DistanceFeatures(edge_width, config.gaussians, config.cutoff)

    def _convolution(self, config: EncoderConfig) -> nn.Module:
        width = config.gcs
        if config.kind == "rgcn":
            return RelationalConvolution(width, relations=2 * (self.reach + self.structure))
        from torch_geometric.nn import GATv2Conv, GCNConv, SAGEConv

        if config.kind == "gcn":
            return GCNConv(width, width)
        if config.kind == "sage":
            return SAGEConv(width, width)
        if config.kind == "schnet":
            from torch_geometric.nn.models.schnet import InteractionBlock

            block = InteractionBlock(width, config.gaussians, config.filters, config.cutoff)
            del block.mlp  # its convolution has it too, and a checkpoint stores no weight twice
            return block
        heads = 4 if width % 4 == 0 else 1
        return GATv2Conv(width, width // heads, heads=heads, edge_dim=16)

    def forward(self, graph: ResidueGraph, x: Tensor) -> Tensor:
        """Map node features (R, D) of a graph to (R, width)."""
        if not hasattr(self, "embed"):
            return x
        with torch.autocast(x.device.type, enabled=False):
            arguments = self._edge_arguments(graph)
            x = self.embed(x)
            for convolution, norm in zip(self.convolutions, self.norms, strict=True):
                x = x + self.dropout(torch.relu(norm(convolution(x, *arguments))), graph.length)
        return x

    def _edge_arguments(self, graph: ResidueGraph) -> tuple[Tensor, ...]:
        """Return the edges (2, E) and what this kind takes for each of them (E, ...)."""
        edges = graph.edge_index
        if self.kind in ("gcn", "sage"):
            return (edges,)
        if self.kind == "rgcn":
            return edges, self._relations(graph.separation)
        separation = graph.separation
        if self.structure:
            separation = _binned(separation, self.window)
        features = self.separations(separation.clamp(-self.reach, self.reach) + self.reach)
        if self.structure:
            features = features + self.distances(graph.distance)
        if self.kind == "gat":
            return edges, features
        if not self.structure:
            return edges, features.new_zeros(len(features)), features
        # The cosine rises again beyond the cut-off. Without a distance an edge counts fully.
        near = ~(graph.distance > self.cutoff)
        return edges[:, near], graph.distance.nan_to_num(0.0)[near], features[near]

    def _relations(self, separation: Tensor) -> Tensor:
        """Return the number of each separation, none of which is 0; far ones come last."""
        relation = separation.clamp(-self.reach, self.reach)
        relation = relation + self.reach - (separation > 0).long()
        if self.structure:
            spatial = 2 * self.reach + (separation > 0).long()
            relation = torch.where(separation.abs() > self.window, spatial, relation)
        return relation


class DistanceFeatures(nn.Module):
    """Distances in Gaussian radial basis functions; an unknown one is a learned vector.

    Parameters
    ----------
    width
        Of the result; where it is not ``gaussians``, a linear map makes it so.
    gaussians, cutoff
        Number of functions, and the place of the last one in angstrom; the first lies at 0.
    """

    def __init__(self, width: int, gaussians: int, cutoff: float) -> None:
        from torch_geometric.nn.models.schnet import GaussianSmearing

        super().__init__()
        self.basis = GaussianSmearing(0.0, cutoff, gaussians)
        self.project = nn.Identity() if width == gaussians else nn.Linear(gaussians, width)
        self.unknown = nn.Parameter(0.1 * torch.randn(width))

    def forward(self, distance: Tensor) -> Tensor:
        """Map distances (E,), NaN where unknown, to (E, width)."""
        known = self.project(self.basis(distance.nan_to_num(0.0)))
        return torch.where(distance.isnan()[:, None], self.unknown, known)


def _binned(separation: Tensor, window: int) -> Tensor:
    """Keep separations within the window, and count doublings of it beyond."""
    size = separation.abs()
    beyond = (size.clamp(min=window) / window).log2().ceil().long().clamp(max=_FAR)
    return separation.sign() * (size.clamp(max=window) + beyond)
