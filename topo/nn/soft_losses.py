"""Losses of a tagger for the probabilities of a teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from topo.config import DistillationConfig
from topo.errors import ConfigError
from topo.graph import ResidueGraph
from topo.nn.decoding import Scores, TopologyModel


def soft_losses(
    model: TopologyModel, scores: Scores, graph: ResidueGraph, config: DistillationConfig
) -> dict[str, Tensor]:
    """Return the losses of a teacher's probabilities, averaged over the proteins of the batch.

    ``topology``: loss of the label probabilities, see :mod:`topo.crf.soft`, or the cross-entropy
    of each residue for a model without CRF. ``type``: cross-entropy of the type probabilities of
    chains that are not cut at their start. Proteins without a teacher's probabilities add nothing.
    """
    chains = len(scores.lengths)
    soft = _tempered(graph.soft, config.temperature)
    known = torch.zeros(chains, dtype=torch.bool, device=soft.device)
    known[graph.batch] = graph.soft.sum(1) > 0
    losses = {"topology": _label_loss(model, scores, graph, soft, known, config.loss) / chains}
    if scores.types is not None:
        types = _tempered(graph.soft_types, config.temperature)
        each = -(types * F.log_softmax(scores.types.float(), dim=1)).sum(1)
        losses["type"] = (each * ~graph.open_ends[:, 0]).sum() / chains
    return losses


def _label_loss(
    model: TopologyModel,
    scores: Scores,
    graph: ResidueGraph,
    soft: Tensor,
    known: Tensor,
    loss: str,
) -> Tensor:
    """Sum over the chains whose soft labels are known."""
    if not known.any():
        return scores.emissions.sum() * 0
    residues = known[graph.batch]
    if not model.uses_crf:
        log_probabilities = F.log_softmax(scores.emissions[residues].float(), dim=1)
        return -(soft[residues] * log_probabilities).sum()
    if tuple(model.crf.grammar.channels) != tuple(model.crf.grammar.scheme.letters):
        raise ConfigError("distillation: expected model.heads.channels: letters")
    return model.crf.soft_loss(
        scores.emissions[residues],
        scores.lengths[known],
        soft[residues],
        loss,
        None if scores.cleavage is None else scores.cleavage[residues],
        graph.open_ends[known],
    ).sum()


def _tempered(probabilities: Tensor, temperature: float) -> Tensor:
    """Return p^(1/T), normalised over the last axis; rows of zeros stay zero."""
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(-1, keepdim=True).clamp(min=1e-12)
