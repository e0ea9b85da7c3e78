"""Protein types: accuracy per type, macro and micro accuracy, confusion matrix, MCC.

The predicted type follows from the predicted labels by the letter rule
(:func:`topo.labels.protein_type`), never from a file header or the type head of a model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topo.grammar.legality import possible_types
from topo.labels import TYPES, UNKNOWN, protein_type
from topo.metrics.rates import Metric, mcc, mean_over_classes, one_against_rest, recall, share

PREDICTED_COLUMNS = (*TYPES, "illegal")
"""Columns of a type confusion matrix; ``illegal`` counts predictions without a type."""


def true_types(truth: str) -> tuple[str, ...]:
    """Return the possible types of a true label string that may have unknown residues.

    Returns
    -------
    tuple of str
        The type of the labels if all are known; with unknown residues all types that have a
        legal path; empty if there is none.
    """
    if UNKNOWN in truth:
        return tuple(possible_types(truth))
    name = protein_type(truth)
    return () if name is None else (name,)


def type_confusion(
    truth: str | None, prediction: str | None, names: Sequence[str] = TYPES
) -> np.ndarray:
    """Count one protein by true (row) and predicted type (column).

    Parameters
    ----------
    truth
        One of the types, or None if the type is undetermined, which is not counted.
    prediction
        One of the types, or None if the predicted labels have no type.
    names
        Names of the types.

    Returns
    -------
    numpy.ndarray
        int64, shape (types, types + 1), columns :data:`PREDICTED_COLUMNS`.
    """
    confusion = np.zeros((len(names), len(names) + 1), dtype=np.int64)
    if truth is not None:
        column = len(names) if prediction is None else names.index(prediction)
        confusion[names.index(truth), column] = 1
    return confusion


def type_accuracy(confusion: np.ndarray) -> Metric:
    """Return the fraction of the proteins of each type with the right type; arrays (..., 5)."""
    return recall(one_against_rest(confusion))


def macro_accuracy(confusion: np.ndarray) -> Metric:
    """Return the mean accuracy of the types that occur."""
    return mean_over_classes(type_accuracy(confusion))


def micro_accuracy(confusion: np.ndarray) -> Metric:
    """Return the fraction of all proteins with the right type."""
    return share(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


def type_mcc(confusion: np.ndarray) -> Metric:
    """Return the MCC of each type against the rest (Matthews 1975); arrays (..., 5)."""
    return mcc(one_against_rest(confusion))
