"""Calibration of probabilities: log loss, Brier score and expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topo.labels import LABELS
from topo.metrics.bootstrap import Statistics
from topo.metrics.rates import Metric, ratio, share
from topo.metrics.residue import label_codes

BINS = 15
"""Number of bins of equal mass for the calibration error."""


def known_probabilities(truth: str, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Select the residues whose label is known.

    Parameters
    ----------
    truth
        Label string, R letters.
    probabilities
        Shape (R, 6), rows summing to 1.

    Returns
    -------
    tuple of numpy.ndarray
        Label indices (K,) and probabilities (K, 6) of the K known residues.

    Raises
    ------
    ValueError
        If the shape does not match the truth.
    """
    if np.shape(probabilities) != (len(truth), len(LABELS)):
        raise ValueError(
            f"found probabilities of shape {np.shape(probabilities)}, "
            f"expected ({len(truth)}, {len(LABELS)})"
        )
    codes = label_codes(truth)
    known = codes < len(LABELS)
    return codes[known], np.asarray(probabilities)[known]


def log_loss_terms(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return -log p(true label), shape (K,); probabilities are clipped to their machine epsilon."""
    floor = np.finfo(probabilities.dtype).eps
    picked = probabilities[np.arange(len(labels)), labels].astype(float)
    return -np.log(np.clip(picked, floor, 1.0))


def brier_terms(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the squared distance between probabilities and truth, shape (K,), 0 to 2."""
    probabilities = probabilities.astype(float)
    picked = probabilities[np.arange(len(labels)), labels]
    return (probabilities**2).sum(1) - 2 * picked + 1


def bin_edges(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the inner edges (bins - 1,) that divide confidences into bins of equal mass.

    Equal confidences are in the same bin, so bins may be empty where many are equal.
    """
    if not len(confidence):
        return np.linspace(0, 1, bins + 1)[1:-1]
    return np.quantile(confidence, np.linspace(0, 1, bins + 1)[1:-1], method="lower")


def bin_sums(confidence: np.ndarray, correct: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Sum count, confidence and correctness in each bin, shape (bins, 3)."""
    place = np.searchsorted(edges, confidence, side="left")
    columns = (np.ones(len(confidence)), confidence.astype(float), correct.astype(float))
    size = len(edges) + 1
    return np.stack([np.bincount(place, column, minlength=size) for column in columns], axis=1)


def calibration_error(sums: np.ndarray) -> Metric:
    """Return the expected calibration error: mean |accuracy - confidence|, weighted by bin count.

    Parameters
    ----------
    sums
        Shape (..., bins, 3): sums over proteins of :func:`bin_sums`.
    """
    gap = np.abs(sums[..., 2] - sums[..., 1]).sum(-1)
    return share(gap, sums[..., 0].sum(-1))


def reliability(sums: np.ndarray) -> dict[str, list[float | None]]:
    """Return count, mean confidence and accuracy of each non-empty bin."""
    sums = sums[sums[:, 0] > 0]
    return {
        "count": sums[:, 0].tolist(),
        "confidence": ratio(sums[:, 1], sums[:, 0]).tolist(),
        "accuracy": ratio(sums[:, 2], sums[:, 0]).tolist(),
    }


def residue_calibration(
    truths: Sequence[str], probabilities: Sequence[np.ndarray | None]
) -> Statistics:
    """Return per-protein statistics of the calibration of label probabilities.

    The confidence of a residue is its largest probability; it is correct if that label is the
    true one. The bins are computed from all residues and are the same in every resample.

    Parameters
    ----------
    truths
        N label strings.
    probabilities
        N arrays (R, 6); None adds zeros.

    Returns
    -------
    dict
        ``scores`` (N, 3): residues, sum of log loss, sum of Brier score; ``bins`` (N, 15, 3).
    """
    parts = [
        None if table is None else known_probabilities(truth, table)
        for truth, table in zip(truths, probabilities, strict=True)
    ]
    tops = [None if part is None else (part[1].max(1), part[1].argmax(1)) for part in parts]
    edges = bin_edges(np.concatenate([top[0] for top in tops if top is not None] or [np.empty(0)]))
    scores, bins = np.zeros((len(parts), 3)), np.zeros((len(parts), len(edges) + 1, 3))
    for row, (part, top) in enumerate(zip(parts, tops, strict=True)):
        if part is None or top is None:
            continue
        scores[row] = len(part[0]), log_loss_terms(*part).sum(), brier_terms(*part).sum()
        bins[row] = bin_sums(top[0], top[1] == part[0], edges)
    return {"scores": scores, "bins": bins}


def confidence_calibration(
    confidences: Sequence[float | None], right: Sequence[bool | None]
) -> Statistics:
    """Return per-protein statistics of the calibration of one confidence per protein.

    Parameters
    ----------
    confidences
        N probabilities that a predicted topology or type is right; None adds zeros.
    right
        Whether it is right; None (undetermined) adds zeros.

    Returns
    -------
    dict
        ``scores`` (N, 2): proteins, sum of squared errors; ``bins`` (N, 15, 3).
    """
    given = np.array(
        [
            confidence is not None and outcome is not None
            for confidence, outcome in zip(confidences, right, strict=True)
        ],
        dtype=bool,
    )
    values = np.array([confidence or 0.0 for confidence in confidences], dtype=float)
    outcomes = np.array([bool(outcome) for outcome in right], dtype=bool)
    edges = bin_edges(values[given])
    place = np.searchsorted(edges, values, side="left")
    bins = np.zeros((len(values), len(edges) + 1, 3))
    bins[np.arange(len(values)), place] = np.stack([np.ones(len(values)), values, outcomes], axis=1)
    bins[~given] = 0
    scores = np.stack([given, given * (values - outcomes) ** 2], axis=1).astype(float)
    return {"scores": scores, "bins": bins}
