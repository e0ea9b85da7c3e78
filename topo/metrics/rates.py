"""Ratios and correlations of counts; all functions accept arrays with any leading axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Metric(NamedTuple):
    """A score and the number of items (proteins, residues or segments) that it is computed from."""

    value: np.ndarray
    n: np.ndarray
    over: np.ndarray | None = None
    """For a mean over classes: number of classes that have a value."""


class BinaryCounts(NamedTuple):
    """True and false positives and negatives, arrays of one shape."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray


def ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """Divide element by element; NaN where the whole is zero."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def share(part: ArrayLike, whole: ArrayLike) -> Metric:
    """Return the fraction part / whole as a metric whose ``n`` is the whole."""
    return Metric(ratio(part, whole), np.asarray(whole))


def mean_over_classes(values: Metric) -> Metric:
    """Average a metric over its last axis, without the classes that have no value (NaN)."""
    defined = ~np.isnan(values.value)
    over = defined.sum(-1)
    mean = ratio(np.where(defined, values.value, 0.0).sum(-1), over)
    return Metric(mean, np.asarray(values.n).sum(-1), over)


def one_against_rest(confusion: np.ndarray) -> BinaryCounts:
    """Reduce a confusion matrix to one binary table per class.

    Parameters
    ----------
    confusion
        Shape (..., T, C) with C >= T: rows are true classes, columns predicted ones; columns
        beyond T count predictions without a class.

    Returns
    -------
    BinaryCounts
        Arrays of shape (..., T).
    """
    tp = np.diagonal(confusion, axis1=-2, axis2=-1)
    fn = confusion.sum(-1) - tp
    fp = confusion.sum(-2)[..., : tp.shape[-1]] - tp
    tn = confusion.sum((-2, -1))[..., None] - tp - fp - fn
    return BinaryCounts(tp, fp, fn, tn)


def precision(counts: BinaryCounts) -> Metric:
    """Return tp / (tp + fp); NaN if the class is never predicted."""
    return share(counts.tp, counts.tp + counts.fp)


def recall(counts: BinaryCounts) -> Metric:
    """Return tp / (tp + fn); NaN if the class does not occur."""
    return share(counts.tp, counts.tp + counts.fn)


def f1(counts: BinaryCounts) -> Metric:
    """Return 2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall.

    NaN if the class is neither true nor predicted anywhere; ``n`` is the number of true items.
    """
    value = ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)
    return Metric(value, counts.tp + counts.fn)


def mcc(counts: BinaryCounts) -> Metric:
    """Matthews correlation coefficient (Matthews 1975).

    (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)). NaN if the truth has
    only one of the two classes; 0 if only the prediction has. ``n`` is the number of all items.
    """
    tp, fp, fn, tn = (np.asarray(count, dtype=float) for count in counts)
    root = np.sqrt((tp + fp) * (tn + fn))
    root = root * np.sqrt((tp + fn) * (tn + fp))
    value = np.where(root > 0, ratio(tp * tn - fp * fn, root), 0.0)
    one_class = (tp + fn == 0) | (tn + fp == 0)
    return Metric(np.where(one_class, np.nan, value), tp + fp + fn + tn)
