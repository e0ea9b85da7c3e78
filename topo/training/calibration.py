"""Calibration of a trained tagger: what its probabilities need so that they are honest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch

from topo.config import Config
from topo.data.loading import whole_loader, whole_order
from topo.data.sampling import class_weights
from topo.data.splits import LabelledSet
from topo.data.types import sampling_types, type_sets
from topo.labels import LABELS, UNKNOWN_INDEX, encode_labels
from topo.nn.tagger import Scores, Tagger
from topo.protein import Prediction, Protein
from topo.training.temperature import fit_weights


@torch.no_grad()
def calibrate(tagger: Tagger, config: Config, labelled: LabelledSet) -> list[Prediction]:
    """Fit the weights of the type evidence, then the label temperature, on whole chains.

    Parameters
    ----------
    tagger
        On the CPU; its fitted numbers are changed.
    config
        Of its training.
    labelled
        Proteins that it was not trained on.

    Returns
    -------
    list of Prediction
        Of these proteins, calibrated, in the order of :func:`topo.data.loading.whole_order`.
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
    # Between micro accuracy (all proteins count alike) and macro accuracy (all types do).
    importance = class_weights(sampling_types(types), 0.5)[legal]
    weights = fit_weights([source[legal] for source in sources], types[legal], importance)
    tagger.type_weights[: len(weights)] = torch.from_numpy(weights)


def _fit_labels(tagger: Tagger, proteins: Sequence[Protein], scores: Sequence[Scores]) -> None:
    predictions = _predictions(tagger, proteins, scores)
    truth = np.concatenate([encode_labels(protein.labels or "") for protein in proteins])
    known = truth != UNKNOWN_INDEX
    labels = np.concatenate([prediction.probabilities for prediction in predictions])[known]
    is_true = np.eye(len(LABELS), dtype=bool)[truth[known]]
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
