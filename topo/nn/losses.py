"""Losses of the topology, type and cleavage-site heads."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from topo.config import LossConfig
from topo.graph import ResidueGraph
from topo.labels import MEMBRANE, SIGNAL, UNKNOWN_INDEX
from topo.labels.scheme import SIX, LabelScheme
from topo.nn.scatter import scatter_max, scatter_sum


class ProteinLosses(NamedTuple):
    """Values of a loss for each protein of a batch, and which of them count."""

    values: Tensor  # (B,) 0 where a protein does not count
    counted: Tensor | None = None  # bool (B,), None if all of them count

    def mean(self) -> Tensor:
        """Return the average over the proteins that count; 0 if there are none."""
        if self.counted is None:
            return self.values.mean()
        return self.values.sum() / self.counted.sum().clamp(min=1)

    def shares(self) -> Tensor:
        """Return values whose average over all proteins is :meth:`mean`, shape (B,)."""
        if self.counted is None:
            return self.values
        return self.values * (len(self.values) / self.counted.sum().clamp(min=1))


def total_loss(losses: dict[str, Tensor], weights: LossConfig) -> Tensor:
    """Sum the heads' losses with the weights of the configuration."""
    return sum((getattr(weights, name) * loss for name, loss in losses.items()), torch.zeros(()))


def residue_losses(
    scores: Tensor, labels: Tensor, batch: Tensor, chains: int, smoothing: float = 0.0
) -> ProteinLosses:
    """Cross-entropy of residue labels, summed over each chain.

    Parameters
    ----------
    scores
        Scores of the labels, shape (R, 6).
    labels
        Label indices, int64 (R,), -100 if unknown.
    batch
        Chain of each residue, int64 (R,).
    chains
        Number of chains.
    smoothing
        Label smoothing.
    """
    each = F.cross_entropy(
        scores.float(),
        labels,
        ignore_index=UNKNOWN_INDEX,
        label_smoothing=smoothing,
        reduction="none",
    )
    return ProteinLosses(scatter_sum(each, batch, chains))


def type_losses(scores: Tensor, types: Tensor) -> ProteinLosses:
    """Negative log-probability of the set of possible types of each protein.

    Parameters
    ----------
    scores
        Scores of the types, shape (B, 5).
    types
        Possible types, bool (B, 5). A protein of which all types are possible, or none, has
        the loss 0.
    """
    types = types | ~types.any(1, keepdim=True)
    log_probabilities = F.log_softmax(scores.float(), dim=1)
    return ProteinLosses(-log_probabilities.masked_fill(~types, -torch.inf).logsumexp(1))


def visible_types(graph: ResidueGraph, scheme: LabelScheme = SIX) -> Tensor:
    """Types that a piece of a protein leaves possible, bool (B, types).

    A chain that is cut at its start and shows neither a membrane segment nor a soluble protein
    (one of a type with a single label) does not determine the type of the whole protein: all types
    are possible.
    """
    labels = graph.y
    membrane = torch.zeros_like(labels, dtype=torch.bool)
    for letter in scheme.alike(*MEMBRANE):
        membrane |= labels == scheme.index[letter]
    shows = scatter_max(membrane.long(), graph.batch, len(graph.length)) > 0
    single = torch.tensor([rule.is_single for rule in scheme.types], device=labels.device)
    soluble = (graph.types & single).any(1) & (graph.types.sum(1) == 1)
    return graph.types | (graph.open_ends[:, 0] & ~shows & ~soluble)[:, None]


def cleavage_sites(
    labels: Tensor, batch: Tensor, chains: int, scheme: LabelScheme = SIX
) -> tuple[Tensor, Tensor]:
    """Find the last signal-peptide residue of each chain.

    Parameters
    ----------
    labels
        Label indices, int64 (R,), -100 if unknown.
    batch
        Chain of each residue, int64 (R,).
    chains
        Number of chains.
    scheme
        Scheme of the labels.

    Returns
    -------
    is_site
        Whether the residue is ``S`` and the next one has another, known label, bool (R,).
    is_known
        Chains whose site, or lack of one, follows from the labels, bool (B,): those with a site,
        and those that begin with a known label other than ``S``.
    """
    signal = torch.zeros_like(labels, dtype=torch.bool)
    for letter in scheme.alike(SIGNAL):
        signal |= labels == scheme.index[letter]
    is_site = torch.zeros_like(signal)
    is_site[:-1] = (
        signal[:-1] & (batch[:-1] == batch[1:]) & ~signal[1:] & (labels[1:] != UNKNOWN_INDEX)
    )
    first = torch.ones_like(signal)
    first[1:] = batch[1:] != batch[:-1]
    none = torch.zeros(chains, dtype=torch.bool, device=labels.device)
    none[batch[first]] = ~signal[first] & (labels[first] != UNKNOWN_INDEX)
    has_site = scatter_sum(is_site.long(), batch, chains) == 1
    return is_site, has_site | none


def cleavage_losses(
    scores: Tensor, labels: Tensor, batch: Tensor, chains: int, scheme: LabelScheme = SIX
) -> ProteinLosses:
    """Cross-entropy of the cleavage site's position; "no site" is one more position of score 0.

    The chains whose site is known count; see :func:`cleavage_sites`.
    """
    scores = scores.float()
    is_site, is_known = cleavage_sites(labels, batch, chains, scheme)
    peak = scatter_max(scores.detach(), batch, chains).clamp(min=0)
    total = scatter_sum((scores - peak[batch]).exp(), batch, chains)
    log_total = torch.log(total + (-peak).exp()) + peak
    at_site = scatter_sum(scores * is_site, batch, chains)
    return ProteinLosses((log_total - at_site) * is_known, is_known)
