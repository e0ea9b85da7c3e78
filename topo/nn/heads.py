"""What is read off the recurrent stack, residue by residue and for the whole chain."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import global_max_pool, global_mean_pool
from torch_geometric.utils import scatter

from topo.labels import LABEL_INDEX, TYPES, UNKNOWN_INDEX


class ResidueHead(nn.Sequential):
    """A hidden layer and a score for each of ``channels``: (R, D) to (R, channels)."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, channels))


class TypeHead(nn.Module):
    """Mean and maximum over the chain, a hidden layer, a score for each protein type."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(2 * width, 64), nn.ReLU(), nn.Linear(64, len(TYPES)))

    def forward(self, x: Tensor, batch: Tensor, chains: int) -> Tensor:
        """Map residues (R, D), each of chain ``batch`` (R,), to scores (chains, 5)."""
        pooled = [global_mean_pool(x, batch, chains), global_max_pool(x, batch, chains)]
        return self.score(torch.cat(pooled, dim=1))


def residue_loss(scores: Tensor, labels: Tensor, chains: int, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of residue labels, summed over each chain and averaged over chains.

    Parameters
    ----------
    scores
        (R, 6).
    labels
        int64, (R,), -100 unknown.
    """
    total = F.cross_entropy(
        scores.float(),
        labels,
        ignore_index=UNKNOWN_INDEX,
        label_smoothing=smoothing,
        reduction="sum",
    )
    return total / chains


def type_loss(scores: Tensor, types: Tensor) -> Tensor:
    """Negative log-probability of the set of possible types, averaged over the proteins.

    Parameters
    ----------
    scores
        (B, 5).
    types
        bool, (B, 5); a protein of which all types are possible, or none is, adds nothing.
    """
    types = types | ~types.any(1, keepdim=True)
    log_probabilities = F.log_softmax(scores.float(), dim=1)
    return -log_probabilities.masked_fill(~types, -torch.inf).logsumexp(1).mean()


def cleavage_sites(labels: Tensor, batch: Tensor, chains: int) -> tuple[Tensor, Tensor]:
    """Find the last signal-peptide residue of each chain.

    Parameters
    ----------
    labels
        int64, (R,), -100 unknown.
    batch
        Chain of each residue, int64, (R,).

    Returns
    -------
    is_site
        bool, (R,): an ``S`` before a residue of another, known label.
    is_known
        bool, (B,): chains whose site, or lack of one, follows from the labels: those with a site,
        and those that begin with a known label other than ``S``.
    """
    signal = labels == LABEL_INDEX["S"]
    is_site = torch.zeros_like(signal)
    is_site[:-1] = (
        signal[:-1] & (batch[:-1] == batch[1:]) & ~signal[1:] & (labels[1:] != UNKNOWN_INDEX)
    )
    first = torch.ones_like(signal)
    first[1:] = batch[1:] != batch[:-1]
    none = torch.zeros(chains, dtype=torch.bool, device=labels.device)
    none[batch[first]] = ~signal[first] & (labels[first] != UNKNOWN_INDEX)
    has_site = scatter(is_site.long(), batch, dim_size=chains, reduce="sum") == 1
    return is_site, has_site | none


def cleavage_loss(scores: Tensor, labels: Tensor, batch: Tensor, chains: int) -> Tensor:
    """Cross-entropy of the cleavage site's place, "no site" being one more place of score 0.

    Averaged over the chains for which the answer is known; see :func:`cleavage_sites`.
    """
    scores = scores.float()
    is_site, is_known = cleavage_sites(labels, batch, chains)
    peak = scatter(scores.detach(), batch, dim_size=chains, reduce="max").clamp(min=0)
    total = scatter((scores - peak[batch]).exp(), batch, dim_size=chains, reduce="sum")
    log_total = torch.log(total + (-peak).exp()) + peak
    at_site = scatter(scores * is_site, batch, dim_size=chains, reduce="sum")
    return ((log_total - at_site) * is_known).sum() / is_known.sum().clamp(min=1)
