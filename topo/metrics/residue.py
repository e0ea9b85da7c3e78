"""Per-residue metrics: confusion matrix, accuracy, and precision, recall, F1, MCC per label.

The functions take confusion matrices with leading axes, so that 1,000 bootstrap resamples are one
array operation. The tests compare them with scikit-learn.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from topo.labels import LABELS, UNKNOWN
from topo.metrics.rates import (
    Metric,
    f1,
    mcc,
    mean_over_classes,
    one_against_rest,
    precision,
    recall,
    share,
)

PREDICTED_COLUMNS = (*LABELS, "none")
"""Columns of a residue confusion matrix; ``none`` counts letters that are not labels."""


@cache
def _codes(letters: tuple[str, ...]) -> np.ndarray:
    codes = np.full(128, len(letters), dtype=np.int64)
    for index, letter in enumerate(letters):
        codes[ord(letter)] = index
    return codes


def label_codes(labels: str, letters: tuple[str, ...] = LABELS) -> np.ndarray:
    """Convert a string to indices of letters, int64 (R,); others become their number."""
    return _codes(letters)[np.frombuffer(labels.encode("ascii", "replace"), dtype=np.uint8)]


def check_lengths(truth: str, prediction: str) -> None:
    """Raise ValueError unless both strings have the same length."""
    if len(truth) != len(prediction):
        raise ValueError(
            f"found {len(prediction)} predicted labels for {len(truth)} true ones, "
            f"expected equal lengths"
        )


def known_part(truth: str, prediction: str) -> str:
    """Return the prediction with ``-`` at the residues whose true label is unknown.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    check_lengths(truth, prediction)
    if UNKNOWN not in truth:
        return prediction
    pairs = zip(truth, prediction, strict=True)
    return "".join(UNKNOWN if true == UNKNOWN else guess for true, guess in pairs)


def confusion_matrix(truth: str, prediction: str, letters: tuple[str, ...] = LABELS) -> np.ndarray:
    """Count residues by true (row) and predicted label (column).

    Parameters
    ----------
    truth, prediction
        Label strings of equal length; residues of unknown true label are not counted.
    letters
        Labels that count.

    Returns
    -------
    numpy.ndarray
        int64, shape (labels, labels + 1); of the six labels, columns :data:`PREDICTED_COLUMNS`.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    check_lengths(truth, prediction)
    true, guess = label_codes(truth, letters), label_codes(prediction, letters)
    width = len(letters) + 1
    counts = np.bincount(true * width + guess, minlength=width * width)
    return counts.reshape(width, width)[:-1]


def accuracy(confusion: np.ndarray) -> Metric:
    """Return the fraction of residues with the right label; ``confusion`` is (..., 6, 7)."""
    return share(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


class LabelScores(NamedTuple):
    """Metrics per label, each with arrays (..., 6) in index order."""

    precision: Metric
    recall: Metric
    f1: Metric
    mcc: Metric


def label_scores(confusion: np.ndarray) -> LabelScores:
    """Return precision, recall, F1 and MCC of each label against the rest.

    ``confusion`` has shape (..., 6, 7). A metric with denominator 0 is NaN.
    """
    counts = one_against_rest(confusion)
    return LabelScores(precision(counts), recall(counts), f1(counts), mcc(counts))


def macro_f1(confusion: np.ndarray) -> Metric:
    """Return the mean F1 over the labels that are true or predicted somewhere."""
    return mean_over_classes(label_scores(confusion).f1)
