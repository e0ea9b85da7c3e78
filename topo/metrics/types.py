"""Protein types: accuracy per type, macro, micro, confusion matrix, MCC.

The predicted type is read off the predicted labels by the letter rule
(:func:`topo.labels.protein_type`); a header or a model's type head is never scored here.
"""

from __future__ import annotations

import numpy as np

from topo.grammar.legality import possible_types
from topo.labels import TYPE_INDEX, TYPES, UNKNOWN, protein_type
from topo.metrics.rates import Figure, mcc, mean_over_classes, one_against_rest, recall, share

PREDICTED_COLUMNS = (*TYPES, "illegal")
"""Columns of a type confusion matrix; ``illegal`` is a prediction without a type."""


def true_types(truth: str) -> tuple[str, ...]:
    """Types that a true label string, perhaps with unknown residues, may have.

    Returns
    -------
    tuple of str
        One type where the letters are all known and spell one; with unknown residues those
        types that still have a legal path; empty where there is none.
    """
    if UNKNOWN in truth:
        return tuple(possible_types(truth))
    name = protein_type(truth)
    return () if name is None else (name,)


def type_confusion(truth: str | None, prediction: str | None) -> np.ndarray:
    """Count one protein by true (row) and predicted type (column).

    Parameters
    ----------
    truth
        One of :data:`topo.labels.TYPES`, or None where the type is not determined: no count.
    prediction
        One of the types, or None where the predicted letters spell none.

    Returns
    -------
    numpy.ndarray
        int64, shape (5, 6), columns :data:`PREDICTED_COLUMNS`.
    """
    confusion = np.zeros((len(TYPES), len(TYPES) + 1), dtype=np.int64)
    if truth is not None:
        column = len(TYPES) if prediction is None else TYPE_INDEX[prediction]
        confusion[TYPE_INDEX[truth], column] = 1
    return confusion


def type_accuracy(confusion: np.ndarray) -> Figure:
    """Share of the proteins of each type that are given it; arrays (..., 5)."""
    return recall(one_against_rest(confusion))


def macro_accuracy(confusion: np.ndarray) -> Figure:
    """Mean of the accuracies of the types that occur."""
    return mean_over_classes(type_accuracy(confusion))


def micro_accuracy(confusion: np.ndarray) -> Figure:
    """Share of all proteins whose type is right."""
    return share(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


def type_mcc(confusion: np.ndarray) -> Figure:
    """MCC of each type against the rest (Matthews 1975); arrays (..., 5)."""
    return mcc(one_against_rest(confusion))
