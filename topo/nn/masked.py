"""Masked-residue model for pre-training: the trunk with a linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topo.config import GraphConfig, ModelConfig
from topo.graph import ResidueGraph
from topo.nn.recurrent import ChainDropout
from topo.nn.trunk import Trunk, name_trunk_weights
from topo.residues import AMINO_ACIDS


class MaskedResidueModel(nn.Module):
    """Trunk and a linear head that scores the 20 residues (Devlin et al. 2019, BERT).

    Parameters
    ----------
    config, graph
        As for :class:`topo.nn.trunk.Trunk`.
    """

    def __init__(self, config: ModelConfig, graph: GraphConfig) -> None:
        super().__init__()
        self.trunk = Trunk(config, graph)
        self.dropout = ChainDropout(config.heads.dropout)
        self.residue_head = nn.Linear(self.trunk.width, len(AMINO_ACIDS))
        name_trunk_weights(self)

    def forward(self, graph: ResidueGraph) -> tuple[Tensor, Tensor]:
        """Score the masked residues of a batch.

        Returns
        -------
        scores
            Scores of the residues, float32 (targets, 20), in the order of
            :data:`topo.residues.AMINO_ACIDS`.
        target
            True residues, int64 (targets,).
        """
        x = self.dropout(self.trunk(graph), graph.length)
        chosen = torch.nonzero(graph.target >= 0).squeeze(1)
        return self.residue_head(x[chosen]).float(), graph.target[chosen]


def masked_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy averaged over the target residues, nats; 0 if there is none."""
    return F.cross_entropy(scores, target, reduction="sum") / max(1, len(target))
