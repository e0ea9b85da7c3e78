"""Decoding of scores into topologies, types, probabilities and confidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topo.crf.conditional import condition
from topo.crf.conditions import Conditions
from topo.crf.layer import GrammarCRF
from topo.crf.posterior import Posterior
from topo.errors import ScoreError
from topo.graph import ResidueGraph
from topo.labels import DECODERS
from topo.labels.scheme import SIX
from topo.nn.choice import choose_topologies
from topo.nn.conditional import predict_chain
from topo.nn.losses import (
    ProteinLosses,
    cleavage_losses,
    residue_losses,
    type_losses,
    visible_types,
)
from topo.protein import Prediction, Protein, shared_fields

NEGLIGIBLE_TYPE = 1e-3
"""Types with a smaller probability are left out of a prediction's label probabilities.

This saves the backward recursion over their states. It changes a label's probability, before
calibration, by at most the sum of these types' probabilities.
"""


class Scores(NamedTuple):
    """Scores of the heads for a batch of B chains with R residues, float32."""

    emissions: Tensor  # (R, channels)
    types: Tensor | None  # (B, types)
    cleavage: Tensor | None  # (R,) score of a signal peptide that ends with the residue
    lengths: Tensor  # (B,) int64
    fused: Tensor | None = None  # (B, types) log-probabilities of the types, if already known

    def chains(self) -> Iterator[Scores]:
        """Yield the scores of each chain."""
        sizes = self.lengths.tolist()
        for b, emissions in enumerate(self.emissions.split(sizes)):
            yield Scores(
                emissions,
                None if self.types is None else self.types[b : b + 1],
                None if self.cleavage is None else self.cleavage.split(sizes)[b],
                self.lengths[b : b + 1],
                None if self.fused is None else self.fused[b : b + 1],
            )

    def cpu(self) -> Scores:
        """Return the scores on the CPU."""
        return Scores(
            self.emissions.cpu(),
            None if self.types is None else self.types.cpu(),
            None if self.cleavage is None else self.cleavage.cpu(),
            self.lengths.cpu(),
            None if self.fused is None else self.fused.cpu(),
        )


class Decoded(NamedTuple):
    """Result of decoding a batch of B chains with R residues, on the CPU."""

    labels: np.ndarray  # (R,) int64
    probabilities: np.ndarray  # (R, labels) float32
    six: np.ndarray | None  # (R, 6) float32, of the six labels that others are mapped to
    types: np.ndarray  # (B, types) float32
    confidence: np.ndarray  # (B,) float32
    posterior: Posterior
    constraint_log_probability: float | None  # of one chain's constraints without them


class TopologyModel(nn.Module):
    """Model that predicts topologies: features of residues, scores of heads, decoding.

    Subclasses implement :meth:`features` and :meth:`score`.

    Attributes
    ----------
    crf
        CRF that decodes the emissions.
    uses_crf
        Whether the emissions are trained by the CRF. If not, they are label scores trained by
        cross-entropy, and the CRF is untrained.
    type_shift
        Log-ratio of each type's frequency among future proteins and among those drawn in
        training, float32 (types,).
    label_temperature
        Temperature T of label probabilities, which become p^(1/T); fitted after training.
    type_weights
        Weights of the type evidence, see :func:`fuse_types`; fitted after training.
    """

    type_shift: Tensor
    label_temperature: Tensor
    type_weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.uses_crf = True
        self.crf: GrammarCRF

    def features(self, graph: ResidueGraph) -> Tensor:
        """Return the input of the heads for each residue, (R, width)."""
        raise NotImplementedError

    def score(self, x: Tensor, batch: Tensor, lengths: Tensor) -> Scores:
        """Score features (R, width) of residues, each of chain ``batch`` (R,)."""
        raise NotImplementedError

    def forward(self, graph: ResidueGraph) -> Scores:
        """Score a batch of residue graphs."""
        return self.score(self.features(graph), graph.batch, graph.length)

    def losses(
        self, scores: Scores, graph: ResidueGraph, smoothing: float = 0.0
    ) -> dict[str, Tensor]:
        """Return the losses of :meth:`protein_losses`, averaged over the proteins that count."""
        losses = self.protein_losses(scores, graph, smoothing)
        return {name: loss.mean() for name, loss in losses.items()}

    def protein_losses(
        self, scores: Scores, graph: ResidueGraph, smoothing: float = 0.0
    ) -> dict[str, ProteinLosses]:
        """Return the losses of each protein of the batch.

        ``topology``: negative log-likelihood of the labels among all paths, or cross-entropy of
        each residue. ``type``: negative log-likelihood of the possible types under the type
        head. ``cleavage``: cross-entropy of the cleavage site's position.
        """
        chains, scheme = len(scores.lengths), self.crf.grammar.scheme
        if self.uses_crf:
            costs = self.crf(
                scores.emissions,
                scores.lengths,
                graph.y,
                cleavage=scores.cleavage,
                open_start=graph.open_ends[:, 0],
                open_end=graph.open_ends[:, 1],
            )
            topology = ProteinLosses(costs)
        else:
            topology = residue_losses(scores.emissions, graph.y, graph.batch, chains, smoothing)
        losses = {"topology": topology}
        if scores.types is not None:
            losses["type"] = type_losses(scores.types, visible_types(graph, scheme))
        if scores.cleavage is not None:
            losses["cleavage"] = cleavage_losses(
                scores.cleavage, graph.y, graph.batch, chains, scheme
            )
        return losses

    @torch.no_grad()
    def decode(
        self, scores: Scores, decoder: str = DECODERS[0], allowed: Conditions | None = None
    ) -> Decoded:
        """Turn scores into topologies.

        Parameters
        ----------
        scores
            Scores of a batch of whole chains.
        decoder
            ``posterior``: choose the type of the largest weighted probability
            (:data:`topo.nn.choice.TYPE_WEIGHTS`), then its legal topology with the largest
            expected number of correct labels less its costs
            (:data:`topo.nn.choice.TOPOLOGY_COSTS`); ``viterbi``: that type's best
            path, which misses segments with uncertain ends, because each of their many positions
            has little probability; ``argmax``: each residue's most probable label, legal or not.
            The first two pass over a type without a plausible topology, see
            :func:`topo.nn.choice.choose_topologies`.
        allowed
            Conditions of a batch of one chain, on which everything is conditional; None if the
            paths are free. Label probabilities are then those of the CRF, trained or not.

        Raises
        ------
        ScoreError
            If the scores hold NaN.
        ValueError
            If there is no such decoder.
        """
        if decoder not in DECODERS:
            raise ValueError(f"found decoder {decoder!r}, expected one of {', '.join(DECODERS)}")
        scores = self.path_scores(scores)
        _refuse_nan(scores)
        posterior = self._posterior(scores)
        types = self._fused(scores, posterior)
        posterior = posterior.with_types(types, NEGLIGIBLE_TYPE)
        log_probability = None
        if allowed is not None:
            free, posterior = posterior, condition(posterior, allowed, NEGLIGIBLE_TYPE)
            log_probability = min(float(posterior.log_partition - free.log_partition), 0.0)
            types = posterior.types.log()
        uses_paths = self.uses_crf or allowed is not None
        scheme = self.crf.grammar.scheme
        letters = len(scheme.letters)
        probabilities = posterior.labels if uses_paths else scores.emissions[:, :letters].exp()
        six = posterior.six if uses_paths and scheme is not SIX and scheme.is_mapped else None
        if decoder == "argmax":
            labels = probabilities.argmax(1)
        else:
            labels = choose_topologies(posterior, self.crf.grammar, decoder)
        return Decoded(
            labels.numpy(),
            self._calibrated(probabilities),
            None if six is None else self._calibrated(six),
            types.exp().float().numpy(),
            posterior.confidence(labels).float().numpy(),
            posterior,
            log_probability,
        )

    def _calibrated(self, probabilities: Tensor) -> np.ndarray:
        """Return label probabilities at the temperature, float32."""
        return temper(probabilities.float().clamp(min=1e-9), self.label_temperature).numpy()

    def predictions(
        self,
        proteins: Sequence[Protein],
        scores: Scores,
        decoder: str = DECODERS[0],
        alternatives: int = 0,
    ) -> list[Prediction]:
        """Decode the scores of a batch into a prediction for each of its proteins.

        Parameters
        ----------
        proteins
            Proteins of the batch; the predictions are conditional on their constraints.
        scores
            Scores of the batch.
        decoder
            As for :meth:`decode`.
        alternatives
            Number of topologies to list for each protein.
        """
        if not alternatives and not any(protein.constraints for protein in proteins):
            return self.as_predictions(proteins, scores, self.decode(scores, decoder))
        return [
            predict_chain(self, protein, part, decoder, alternatives)
            for protein, part in zip(proteins, scores.cpu().chains(), strict=True)
        ]

    def as_predictions(
        self, proteins: Sequence[Protein], scores: Scores, decoded: Decoded
    ) -> list[Prediction]:
        """Divide the result of :meth:`decode` into a prediction for each protein."""
        scheme = self.crf.grammar.scheme
        ends = np.cumsum(scores.lengths.cpu().numpy())
        predictions = []
        for row, (protein, end) in enumerate(zip(proteins, ends, strict=True)):
            piece = slice(end - len(protein), end)
            labels = scheme.decode(decoded.labels[piece])
            predictions.append(
                Prediction(
                    labels=labels,
                    type=scheme.type_of(labels),
                    probabilities=decoded.probabilities[piece],
                    type_probabilities=decoded.types[row],
                    confidence=float(decoded.confidence[row]),
                    scheme=scheme,
                    six_probabilities=None if decoded.six is None else decoded.six[piece],
                    **shared_fields(protein),
                )
            )
        return predictions

    @torch.no_grad()
    def fuse(self, scores: Scores) -> Tensor:
        """Return the log-probabilities of the types of a batch, float64 (B, types)."""
        scores = self.path_scores(scores)
        return self._fused(scores, self._posterior(scores))

    def _fused(self, scores: Scores, posterior: Posterior) -> Tensor:
        if scores.fused is not None:
            return scores.fused
        return fuse_types(posterior.type_mass, scores.types, self.type_shift, self.type_weights)

    def type_evidence(self, scores: Scores) -> list[Tensor]:
        """Return log-probabilities of the types, each (B, types): of paths, head and shift.

        Head and shift are left out if there is no type head.
        """
        scores = self.path_scores(scores)
        evidence = [F.log_softmax(self._posterior(scores).type_mass, dim=1)]
        if scores.types is not None:
            evidence.append(F.log_softmax(scores.types.double(), dim=1))
            evidence.append(self.type_shift.cpu().double().expand(len(scores.types), -1))
        return evidence

    def path_scores(self, scores: Scores) -> Scores:
        """Return the scores on the CPU; log-probabilities of labels if the CRF is untrained."""
        scores = scores.cpu()
        if self.uses_crf:
            return scores
        return scores._replace(emissions=F.log_softmax(scores.emissions, dim=1), cleavage=None)

    def _posterior(self, scores: Scores) -> Posterior:
        return self.crf.posterior(scores.emissions, scores.lengths, cleavage=scores.cleavage)


def _refuse_nan(scores: Scores) -> None:
    fields = ("emission", scores.emissions), ("type", scores.types), ("cleavage", scores.cleavage)
    for name, values in fields:
        if (
            values is not None
            and (bad := values.isnan() | (values.isinf() & (name == "type"))).any()
        ):
            raise ScoreError(
                f"found {float(values[bad][0])} among the {name} scores of the model, expected "
                "numbers; its weights are damaged or too large"
            )


def fuse_types(mass: Tensor, head: Tensor | None, shift: Tensor, weights: Tensor) -> Tensor:
    """Combine the evidence of the types into log-probabilities, (B, types).

    ``log p = w0 log p(paths) + w1 log p(head) + w2 shift + constant``; a type without a path
    stays impossible. The shift undoes class-weighted sampling (Menon et al. 2021, ICLR).
    """
    fused = weights[0].cpu().double() * F.log_softmax(mass, dim=1)
    if head is not None:
        fused = fused + weights[1].cpu().double() * F.log_softmax(head.double(), dim=1)
    fused = fused + weights[2].cpu().double() * shift.cpu().double()
    return F.log_softmax(fused.masked_fill(~mass.isfinite(), -torch.inf), dim=1)


def temper(probabilities: Tensor, temperature: Tensor) -> Tensor:
    """Return p^(1/T), normalised over the last axis; 0 stays 0."""
    powers = probabilities ** (1 / temperature.cpu())
    return powers / powers.sum(-1, keepdim=True)
