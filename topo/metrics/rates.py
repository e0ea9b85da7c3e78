"""Ratios and correlations on counts; every function takes arrays with any leading axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Figure(NamedTuple):
    """A score and how many items (proteins, residues or segments) it runs over."""

    value: np.ndarray
    n: np.ndarray
    over: np.ndarray | None = None
    """For a mean over classes: how many classes have a value."""


class BinaryCounts(NamedTuple):
    """True and false positives and negatives, arrays of one shape."""

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    tn: np.ndarray


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide element by element; NaN where the whole is zero, for then there is no figure."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def share(part: np.ndarray, whole: np.ndarray) -> Figure:
    """Make a :class:`Figure` of a part and the whole that it is counted in."""
    return Figure(ratio(part, whole), np.asarray(whole))


def mean_over_classes(values: Figure) -> Figure:
    """Average a figure over its last axis, leaving out classes without a value (NaN)."""
    defined = ~np.isnan(values.value)
    over = defined.sum(-1)
    mean = ratio(np.where(defined, values.value, 0.0).sum(-1), over)
    return Figure(mean, np.asarray(values.n).sum(-1), over)


def one_against_rest(confusion: np.ndarray) -> BinaryCounts:
    """Reduce a confusion matrix to one binary table a class.

    Parameters
    ----------
    confusion
        Shape (..., T, C) with C >= T: rows true, columns predicted; columns beyond T are
        predictions of no class.

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


def precision(counts: BinaryCounts) -> Figure:
    """Return tp / (tp + fp); NaN where nothing was predicted."""
    return share(counts.tp, counts.tp + counts.fp)


def recall(counts: BinaryCounts) -> Figure:
    """Return tp / (tp + fn); NaN where there is nothing to find."""
    return share(counts.tp, counts.tp + counts.fn)


def f1(counts: BinaryCounts) -> Figure:
    """Return 2 tp / (2 tp + fp + fn), the harmonic mean of precision and recall.

    NaN where the class is neither true nor predicted anywhere; ``n`` counts the true items.
    """
    value = ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)
    return Figure(value, counts.tp + counts.fn)


def mcc(counts: BinaryCounts) -> Figure:
    """Matthews correlation coefficient (Matthews 1975).

    (tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)). NaN where the truth holds
    only one of the two classes; 0 where only the prediction does. ``n`` counts all items.
    """
    tp, fp, fn, tn = (np.asarray(count, dtype=float) for count in counts)
    root = np.sqrt((tp + fp) * (tn + fn))
    root = root * np.sqrt((tp + fn) * (tn + fp))
    value = np.where(root > 0, ratio(tp * tn - fp * fn, root), 0.0)
    one_class = (tp + fn == 0) | (tn + fp == 0)
    return Figure(np.where(one_class, np.nan, value), tp + fp + fn + tn)
