"""Labels for unlabelled proteins from what a model says of their families.

A model errs in different places of homologous proteins. Its posteriors, averaged along alignments,
are better than those of one sequence, and a model trained on them learns from one sequence what the
family told: self-training with a teacher that sees more than the pupil.
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
from topo.curation.homology import Alignment, Similarity, align_similar
from topo.errors import TopoError
from topo.grammar.legality import possible_types
from topo.inference import predict
from topo.labels import LABELS, MEMBRANE, TYPE_INDEX, UNKNOWN, decode_labels, protein_type
from topo.protein import Prediction, Protein
from topo.segments import to_segments

_REMOTE = Similarity(identity=0.0, coverage=0.3, expectation=1e-3)
_FAMILY = Similarity(identity=0.0, coverage=0.4, expectation=1e-5, iterations=2)


class Consensus(NamedTuple):
    """A protein with the labels of its family, how many relatives spoke, share of sure labels."""

    protein: Protein
    relatives: int
    known: float


@dataclass(frozen=True)
class Trust:
    """What is kept of a consensus.

    Parameters
    ----------
    least
        Probability of a label below which it is unsure.
    known
        Share of a protein's labels that must be sure.
    segments
        Membrane segments that a protein must have.
    complete
        Whether the unsure labels of a protein are kept as well; by default they become unknown.
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
        Proteins with labels, known or predicted; those of the types count.
    targets
        Proteins among which remote relatives of these are looked for; none labels these themselves
        anew.
    model
        Whose predictions are averaged. Only relatives to which it gives one of the types are kept.
    types
        Types of the families.
    trust
        What is kept.
    iterations, sensitivity
        Of the search for remote relatives, see :class:`topo.curation.homology.Similarity`.
    threads
        Of MMseqs2.

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
        Of these proteins with each other; those of a protein with itself are passed over.
    limit
        Relatives of a protein at the most, those of the highest score.

    Returns
    -------
    posteriors : list of numpy.ndarray
        N arrays (R, 6), rows summing to 1. The k relatives of a residue weigh sqrt(k) together,
        its own posterior 1.
    relatives : numpy.ndarray
        Relatives of each protein, int64, (N,).
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
            here, there = aligned_places(alignment)
            total[here] += own[alignment.target][there]
            count[here] += 1
        mixed = table + total / np.sqrt(np.maximum(count, 1))
        posteriors.append(mixed / mixed.sum(1, keepdims=True))
        relatives[index] = len(chosen)
    return posteriors, relatives


def aligned_places(alignment: Alignment) -> tuple[np.ndarray, np.ndarray]:
    """Residues of query and target that stand in one column, int64, (C,) each."""
    rows = [np.array(list(row)) != "-" for row in (alignment.query_row, alignment.target_row)]
    starts = (alignment.query_start, alignment.target_start)
    both = rows[0] & rows[1]
    here, there = (
        (np.cumsum(row) - 1 + start)[both] for row, start in zip(rows, starts, strict=True)
    )
    return here, there


def consensus_labels(posterior: np.ndarray, kind: str, crf: GrammarCRF) -> tuple[str, np.ndarray]:
    """Choose the legal topology of a type with the most expected right residues.

    Parameters
    ----------
    posterior
        (R, 6), rows summing to 1.
    kind
        Type of the protein, one of :data:`topo.labels.TYPES`.
    crf
        Its grammar says what is legal; its scores are not used.

    Returns
    -------
    labels : str
        R letters.
    probability : numpy.ndarray
        Of each label, (R,).
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
        What is kept.

    Returns
    -------
    list of Consensus
        In the order of the predictions. Proteins that are left with too few labels, without any
        in the membrane, or without a path of their type are not among them.
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
            found.append(Consensus(protein, int(count), known))
    return found


def _probabilities(prediction: Prediction) -> np.ndarray:
    if prediction.probabilities is None:
        raise ValueError(f"{prediction.id}: found no probabilities, expected ({LABELS}) columns")
    return prediction.probabilities.astype(float)
