"""The trunk: encode the graph, run the chain; what the tagger and pre-training share."""

from __future__ import annotations

from torch import Tensor, nn
from torch_geometric.data import Data

from topo.config import ModelConfig
from topo.graph import NODE_FEATURES, STRUCTURE_FEATURES
from topo.nn.convolution import ChainConvolution
from topo.nn.encoder import GraphEncoder
from topo.nn.recurrent import RecurrentStack

TRUNK = ("encoder.", "conv.", "recurrent.")
"""How the names of the trunk's weights begin, in whatever model."""


class Trunk(nn.Module):
    """Graph convolutions, chain convolutions and recurrent stack.

    Parameters
    ----------
    config
        The architecture.
    window
        Chain window of the graphs it will see.
    structure
        Whether those are graphs with structure.
    """

    def __init__(self, config: ModelConfig, window: int, structure: bool = False) -> None:
        super().__init__()
        features = NODE_FEATURES + (STRUCTURE_FEATURES if structure else 0)
        self.encoder = GraphEncoder(features, window, config.encoder, structure)
        self.conv = ChainConvolution(self.encoder.width, config.conv, config.encoder.dropout)
        self.recurrent = RecurrentStack(self.conv.width, config.recurrent)

    def encode(self, graph: Data) -> Tensor:
        """Map a batch of residue graphs to features of its residues, (R, directions x size)."""
        x = self.encoder(graph)  # (R, gcs)
        x = self.conv(x, graph.length)
        return self.recurrent(x, graph.length)

    def trunk_state(self) -> dict[str, Tensor]:
        """Return the trunk's weights by name, without those of heads."""
        return {name: t for name, t in self.state_dict().items() if name.startswith(TRUNK)}
