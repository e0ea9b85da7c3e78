"""Predictions of single chains that are conditional on constraints, with alternatives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from topo.crf.alternatives import alternatives
from topo.crf.conditions import conditions
from topo.protein import Prediction, Protein

if TYPE_CHECKING:
    from topo.nn.decoding import Scores, TopologyModel


def predict_chain(
    model: TopologyModel, protein: Protein, scores: Scores, decoder: str, count: int
) -> Prediction:
    """Predict one protein from its scores, with ``count`` alternatives.

    Raises
    ------
    TopoError
        If the protein's constraints are too improbable to compute with.
    """
    scheme = model.crf.grammar.scheme
    allowed = None
    if protein.constraints:
        allowed = conditions(protein.constraints, len(protein), scheme)
    decoded = model.decode(scores, decoder, allowed)
    prediction = model.as_predictions([protein], scores, decoded)[0]
    if allowed is not None:
        prediction = replace(
            prediction, constraint_log_probability=decoded.constraint_log_probability
        )
    if count:
        found = alternatives(decoded.posterior, scheme.decode(decoded.labels), count)
        prediction = replace(prediction, alternatives=found)
    return prediction
