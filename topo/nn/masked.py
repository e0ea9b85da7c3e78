"""The trunk with a head that tells masked residues from their surroundings."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.data import Data

from topo.config import ModelConfig
from topo.nn.recurrent import ChainDropout
from topo.nn.trunk import Trunk
from topo.residues import AMINO_ACIDS


class MaskedResidueModel(Trunk):
    """A trunk and a linear head that scores the 20 residues (Devlin et al. 2019, BERT).

    Parameters
    ----------
    config, window, structure
        As for :class:`topo.nn.trunk.Trunk`.
    """

    def __init__(self, config: ModelConfig, window: int, structure: bool = False) -> None:
        super().__init__(config, window, structure)
        self.dropout = ChainDropout(config.heads.dropout)
        self.residue_head = nn.Linear(self.recurrent.width, len(AMINO_ACIDS))

    def forward(self, graph: Data) -> tuple[Tensor, Tensor]:
        """Score the chosen residues of a batch.

        Returns
        -------
        scores
            float32, (chosen, 20), in the order of :data:`topo.residues.AMINO_ACIDS`.
        target
            int64, (chosen,): the residues that they were.
        """
        x = self.dropout(self.encode(graph), graph.length)
        chosen = torch.nonzero(graph.target >= 0).squeeze(1)
        return self.residue_head(x[chosen]).float(), graph.target[chosen]


def masked_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy averaged over the chosen residues, nats; 0 where there is none."""
    return F.cross_entropy(scores, target, reduction="sum") / max(1, len(target))
