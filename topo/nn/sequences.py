"""Model of numeric sequences: the tagger's trunk with heads for classes and labels of steps."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topo.config import GraphConfig, ModelConfig
from topo.graph import ResidueGraph
from topo.labels import UNKNOWN_INDEX
from topo.nn.heads import ResidueHead, TypeHead
from topo.nn.recurrent import ChainDropout
from topo.nn.trunk import Trunk, name_trunk_weights


class SequenceScores(NamedTuple):
    """Scores of a batch of B sequences with R steps, float32."""

    classes: Tensor | None  # (B, classes)
    steps: Tensor | None  # (R, letters)


class SequenceModel(nn.Module):
    """Standardised values, trunk, and a head for classes, for letters of steps, or both.

    Parameters
    ----------
    config, graph
        Architecture, as for :class:`topo.nn.trunk.Trunk`.
    width
        Number of values of a step.
    classes, letters
        Number of classes, of letters; 0 leaves out the head.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, config: ModelConfig, graph: GraphConfig, width: int, classes: int, letters: int
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.trunk = Trunk(config, graph, width)
        self.dropout = ChainDropout(config.heads.dropout)
        self.class_head = TypeHead(self.trunk.width, classes) if classes else None
        self.step_head = ResidueHead(self.trunk.width, letters) if letters else None
        name_trunk_weights(self)

    def forward(self, graph: ResidueGraph) -> SequenceScores:
        """Score a batch of sequences."""
        scaled = ResidueGraph(**graph.fields())
        scaled.x = (graph.x - self.mean) / self.deviation
        x = self.dropout(self.trunk(scaled), graph.length)
        return SequenceScores(
            self.class_head(x, graph.batch, len(graph.length)).float() if self.class_head else None,
            self.step_head(x).float() if self.step_head else None,
        )

    def losses(self, scores: SequenceScores, graph: ResidueGraph) -> dict[str, Tensor]:
        """Return the losses, averaged over the sequences of the batch.

        ``type``: cross-entropy of the classes. ``topology``: cross-entropy of the known steps,
        summed over each sequence. They have the names of the tagger's losses, and their weights.
        """
        losses = {}
        chains = len(graph.length)
        if scores.classes is not None:
            total = F.cross_entropy(
                scores.classes, graph.types, ignore_index=UNKNOWN_INDEX, reduction="sum"
            )
            losses["type"] = total / chains
        if scores.steps is not None:
            total = F.cross_entropy(
                scores.steps, graph.y, ignore_index=UNKNOWN_INDEX, reduction="sum"
            )
            losses["topology"] = total / chains
        return losses
