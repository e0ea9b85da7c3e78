"""Tagger: encode the graph, run the chain, score the topology, score the type."""

from __future__ import annotations

import torch
from torch import Tensor

from topo.config import GraphConfig, ModelConfig
from topo.crf.layer import GrammarCRF
from topo.grammar.table import Grammar
from topo.graph import ResidueGraph
from topo.nn.decoding import Scores, TopologyModel
from topo.nn.heads import ResidueHead, TypeHead
from topo.nn.recurrent import ChainDropout
from topo.nn.trunk import Trunk, name_trunk_weights


class Tagger(TopologyModel):
    """Trunk (graph convolutions, chain convolutions, recurrent stack) and heads.

    Parameters
    ----------
    config
        Architecture.
    graph
        Window of the graphs, and whether they have structure.
    grammar
        Grammar of the topologies; :func:`topo.grammar.table.default_grammar` if None.
    """

    def __init__(
        self, config: ModelConfig, graph: GraphConfig, grammar: Grammar | None = None
    ) -> None:
        super().__init__()
        self.trunk = Trunk(config, graph)
        heads, width = config.heads, self.trunk.width
        self.uses_crf = heads.topology == "crf"
        channels = heads.channels if self.uses_crf else "letters"
        self.crf = GrammarCRF(grammar, channels).requires_grad_(self.uses_crf)
        self.dropout = ChainDropout(heads.dropout)
        self.topology_head = ResidueHead(width, len(self.crf.grammar.channels))
        types = len(self.crf.grammar.scheme.types)
        self.type_head = TypeHead(width, types) if heads.type else None
        self.cleavage_head = ResidueHead(width, 1) if heads.cleavage else None
        self.register_buffer("type_shift", torch.zeros(types))
        self.register_buffer("label_temperature", torch.ones(()))
        weights = [0.1, 1.0, 1.0] if heads.type else [1.0, 0.0, 0.0]
        self.register_buffer("type_weights", torch.tensor(weights))
        name_trunk_weights(self)

    def features(self, graph: ResidueGraph) -> Tensor:
        """Return the input of the heads for each residue, (R, width)."""
        return self.dropout(self.trunk(graph), graph.length)

    def score(self, x: Tensor, batch: Tensor, lengths: Tensor) -> Scores:
        """Score features (R, width) of residues, each of chain ``batch`` (R,)."""
        return Scores(
            emissions=self.topology_head(x).float(),
            types=self.type_head(x, batch, len(lengths)).float() if self.type_head else None,
            cleavage=self.cleavage_head(x).float().squeeze(1) if self.cleavage_head else None,
            lengths=lengths,
        )
