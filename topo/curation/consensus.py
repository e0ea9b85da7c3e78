"""Labels for families of proteins from averaged predictions of a model.

The errors of a model differ between homologous proteins. Posteriors averaged along alignments are
therefore better than those of a single sequence. A model that is trained on the resulting labels
learns from single sequences what the average of the family contains (self-training).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from topo.checkpoint import Checkpoint
from topo.crf.costs import best_expected_labels
from topo.crf.layer import GrammarCRF
from topo.errors import TopoError
from topo.grammar.legality import possible_types
from topo.homology.search import Alignment, Similarity, align_similar
from topo.inference import predict
from topo.labels import LABELS, MEMBRANE, TYPE_INDEX, UNKNOWN, decode_labels, protein_type
from topo.protein import Prediction, Protein, SoftLabels, aligned_places
from topo.segments import to_segments

_REMOTE = Similarity(identity=0.0, coverage=0.3, expectation=1e-3)
_FAMILY = Similarity(identity=0.0, coverage=0.4, expectation=1e-5, iterations=2)


class Consensus(NamedTuple):
    """A protein with consensus labels, number of relatives, share of certain labels, posteriors."""

    protein: Protein
    relatives: int
    known: float
    soft: SoftLabels | None = None


@dataclass(frozen=True)
class Trust:
    """Criteria for keeping consensus labels.

    Parameters
    ----------
    least
        Minimum probability of a certain label.
    known
        Minimum share of certain labels in a protein.
    segments
        Minimum number of membrane segments of a protein.
    complete
        Whether uncertain labels are kept as well; by default they become unknown.
    """

    least: float = 0.7
    known: float = 0.5
    segments: int = 1
    complete: bool = False


def label_families(
    labelled: Sequence[Protein],
    targets: Sequence[Protein] | None,
    model: Checkpoint,
    *,
    types: Collection[str],
    trust: Trust = Trust(),
    iterations: int = 3,
    sensitivity: float = 5.7,
    threads: int = 1,
) -> list[Consensus]:
    """Label families of proteins by the consensus of a model's predictions.

    Parameters
    ----------
    labelled
        Proteins with known or predicted labels; those of other types are not used.
    targets
        Proteins to search for remote relatives of these. None labels the labelled proteins anew.
    model
        Model whose predictions are averaged. Only relatives that it predicts to be of one of the
        types are kept.
    types
        Types of the families.
    trust
        Criteria for keeping labels.
    iterations, sensitivity
        Parameters of the search for remote relatives, see
        :class:`topo.homology.search.Similarity`.
    threads
        Number of threads of MMseqs2.

    Raises
    ------
    TopoError
        If no labelled protein is of the types, or MMseqs2 is not installed or fails.
    """
    sources = [p for p in labelled if p.labels and protein_type(p.labels) in types]
    if not sources:
        raise TopoError(f"found no labelled protein of type {' or '.join(types)}, expected some")
    relatives = sources
    if targets is not None:
        remote = replace(_REMOTE, iterations=iterations, sensitivity=sensitivity)
        hits = {hit.target for hit in align_similar(sources, targets, remote, threads)}
        relatives = [targets[index] for index in sorted(hits)]
    members = [p for p in predict(relatives, model) if p.type in types] if relatives else []
    family = [Protein(p.id, p.sequence) for p in members]
    alignments = align_similar(family, family, _FAMILY, threads) if family else ()
    return label_by_consensus(members, alignments, model.tagger.crf, trust)


def family_posteriors(
    predictions: Sequence[Prediction], alignments: Iterable[Alignment], limit: int = 50
) -> tuple[list[np.ndarray], np.ndarray]:
    """Average posteriors along alignments.

    Parameters
    ----------
    predictions
        N predictions with probabilities (R, 6).
    alignments
        Alignments of these proteins with each other; those of a protein with itself are not used.
    limit
        Maximum number of relatives of a protein, those of the highest score.

    Returns
    -------
    posteriors : list of numpy.ndarray
        N arrays of shape (R, 6), rows summing to 1. The k relatives of a residue have a total
        weight of sqrt(k), its own posterior a weight of 1.
    relatives : numpy.ndarray
        Number of relatives of each protein, int64, shape (N,).
    """
    found: dict[int, list[Alignment]] = {}
    for alignment in alignments:
        if alignment.query != alignment.target:
            found.setdefault(alignment.query, []).append(alignment)
    own = [_probabilities(prediction) for prediction in predictions]
    posteriors, relatives = [], np.zeros(len(own), dtype=np.int64)
    for index, table in enumerate(own):
        chosen = sorted(found.get(index, []), key=lambda a: (-a.score, a.target))[:limit]
        total, count = np.zeros_like(table), np.zeros((len(table), 1))
        for alignment in chosen:
            here, there = aligned_places(alignment.blocks())
            total[here] += own[alignment.target][there]
            count[here] += 1
        mixed = table + total / np.sqrt(np.maximum(count, 1))
        posteriors.append(mixed / mixed.sum(1, keepdims=True))
        relatives[index] = len(chosen)
    return posteriors, relatives


def consensus_labels(posterior: np.ndarray, kind: str, crf: GrammarCRF) -> tuple[str, np.ndarray]:
    """Return the legal topology of a type with the highest expected number of correct residues.

    Parameters
    ----------
    posterior
        Label probabilities, shape (R, 6), rows summing to 1.
    kind
        Type of the protein, one of :data:`topo.labels.TYPES`.
    crf
        CRF with the grammar of the legal paths; its scores are not used.

    Returns
    -------
    labels : str
        One letter per residue.
    probability : numpy.ndarray
        Probability of each label, shape (R,).
    """
    lengths = torch.tensor([len(posterior)])
    types = torch.tensor([TYPE_INDEX[kind]])
    table = torch.from_numpy(posterior).double()
    labels = best_expected_labels(table, lengths, crf.grammar, types).numpy()
    return decode_labels(labels), posterior[np.arange(len(labels)), labels]


def label_by_consensus(
    predictions: Sequence[Prediction],
    alignments: Iterable[Alignment],
    crf: GrammarCRF,
    trust: Trust = Trust(),
) -> list[Consensus]:
    """Label proteins by the consensus of their families.

    Parameters
    ----------
    predictions, alignments
        As for :func:`family_posteriors`; the predicted types are kept.
    crf
        As for :func:`consensus_labels`.
    trust
        Criteria for keeping labels.

    Returns
    -------
    list of Consensus
        Proteins in the order of the predictions, without those with too few certain labels, without
        a membrane label, or without a path of their type.
    """
    posteriors, relatives = family_posteriors(predictions, alignments)
    found = []
    for prediction, posterior, count in zip(predictions, posteriors, relatives, strict=True):
        kind = prediction.type or ""
        labels, probability = consensus_labels(posterior, kind, crf)
        segments = sum(segment.label in MEMBRANE for segment in to_segments(labels))
        sure = probability >= trust.least
        known = float(sure.mean())
        if not trust.complete:
            pairs = zip(labels, sure, strict=True)
            labels = "".join(letter if certain else UNKNOWN for letter, certain in pairs)
        if (
            known >= trust.known
            and segments >= trust.segments
            and not set(labels).isdisjoint(MEMBRANE)
            and kind in possible_types(labels)
        ):
            protein = Protein(prediction.id, prediction.sequence, labels)
            soft = SoftLabels(posterior.astype(np.float32), prediction.type_probabilities)
            found.append(Consensus(protein, int(count), known, soft))
    return found


def _probabilities(prediction: Prediction) -> np.ndarray:
    if prediction.probabilities is None:
        raise ValueError(f"{prediction.id}: found no probabilities, expected ({LABELS}) columns")
    return prediction.probabilities.astype(float)
