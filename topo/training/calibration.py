"""Temperature scaling of label and type probabilities (Guo et al. 2017, ICML)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from scipy.optimize import minimize

from topo.config import Config
from topo.data.labelled_set import LabelledSet
from topo.data.loading import whole_loader, whole_order
from topo.data.sampling import class_weights
from topo.data.types import sampling_types, type_sets
from topo.labels.scheme import LABEL_SETS, UNKNOWN_INDEX
from topo.nn.decoding import Scores
from topo.nn.tagger import Tagger
from topo.protein import Prediction, Protein

LIMITS = (0.02, 20.0)
"""Smallest and largest fitted weight; 1 / weight is a temperature."""


@torch.no_grad()
def calibrate(tagger: Tagger, config: Config, labelled: LabelledSet) -> list[Prediction]:
    """Fit the weights of the type evidence, then the label temperature, on whole chains.

    Parameters
    ----------
    tagger
        Tagger on the CPU; its type weights and label temperature are set in place.
    config
        Configuration of the tagger's training.
    labelled
        Proteins that the tagger was not trained on.

    Returns
    -------
    list of Prediction
        Calibrated predictions of these proteins, in the order of
        :func:`topo.data.loading.whole_order`.
    """
    proteins = whole_order(labelled)
    scores = [tagger(graph) for graph in whole_loader(labelled, config)]
    _fit_types(tagger, proteins, scores)
    _fit_labels(tagger, proteins, scores)
    return _predictions(tagger, proteins, scores)


def _fit_types(tagger: Tagger, proteins: Sequence[Protein], scores: Sequence[Scores]) -> None:
    evidence = [tagger.type_evidence(batch) for batch in scores]
    sources = [torch.cat(parts).numpy() for parts in zip(*evidence, strict=True)]
    types = type_sets(proteins, tagger.crf.grammar)
    legal = types.any(1)
    # Halfway between micro accuracy (equal proteins) and macro accuracy (equal types).
    importance = class_weights(sampling_types(types), 0.5)[legal]
    weights = fit_weights([source[legal] for source in sources], types[legal], importance)
    tagger.type_weights[: len(weights)] = torch.from_numpy(weights)


def _fit_labels(tagger: Tagger, proteins: Sequence[Protein], scores: Sequence[Scores]) -> None:
    predictions = _predictions(tagger, proteins, scores)
    scheme = tagger.crf.grammar.scheme
    # A label that other labels are written as is not exact.
    truth = np.concatenate([scheme.encode_six(protein.labels or "") for protein in proteins])
    known = (truth != UNKNOWN_INDEX) & (truth < LABEL_SETS)
    computed = [p.probabilities for p in predictions if p.probabilities is not None]
    labels = np.concatenate(computed)[known]
    is_true = np.eye(len(scheme.letters), dtype=bool)[truth[known]]
    with np.errstate(divide="ignore"):
        (weight,) = fit_weights([np.log(labels)], is_true)
    tagger.label_temperature.fill_(1 / weight)


def _predictions(
    tagger: Tagger, proteins: Sequence[Protein], scores: Sequence[Scores]
) -> list[Prediction]:
    rest = iter(proteins)
    predictions: list[Prediction] = []
    for batch in scores:
        predictions += tagger.predictions(list(islice(rest, len(batch.lengths))), batch)
    return predictions


def fit_weights(
    evidence: list[np.ndarray], truth: np.ndarray, importance: np.ndarray | None = None
) -> np.ndarray:
    """Fit powers whose normalised product gives the true classes the highest likelihood.

    The power of a single source of evidence is the inverse of a temperature.

    Parameters
    ----------
    evidence
        Log-probabilities of each source, each (N, classes); ``-inf`` is allowed.
    truth
        Classes that may be true, bool, (N, classes); at least one per row.
    importance
        Weight of each row in the likelihood, (N,); equal by default.

    Returns
    -------
    numpy.ndarray
        Power of each source, (sources,), within :data:`LIMITS`; ones if ``truth`` has no rows.
    """
    first = np.ones(len(evidence))
    if not len(truth):
        return first
    share = np.ones(len(truth)) if importance is None else importance
    share = share / share.sum()
    scores = np.stack([np.maximum(np.asarray(e, dtype=np.float64), -200.0) for e in evidence])

    def loss(log_weights: np.ndarray) -> tuple[float, np.ndarray]:
        weights = np.exp(log_weights)
        fused = np.tensordot(weights, scores, 1)
        fused -= fused.max(1, keepdims=True)
        mass = np.exp(fused)
        among_all = mass / mass.sum(1, keepdims=True)
        among_true = mass * truth / np.maximum((mass * truth).sum(1, keepdims=True), 1e-300)
        value = -share @ np.log(np.maximum((among_all * truth).sum(1), 1e-300))
        slope = ((among_all - among_true)[None] * scores).sum(2) @ share
        return value, slope * weights

    bounds = [tuple(np.log(LIMITS))] * len(evidence)
    return np.exp(minimize(loss, np.log(first), jac=True, bounds=bounds, method="L-BFGS-B").x)
