"""Temperature scaling (Guo et al. 2017, ICML): a number or two that make probabilities honest."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

LIMITS = (0.02, 20.0)
"""Range of a fitted weight; 1 / weight is a temperature."""


def fit_weights(
    evidence: list[np.ndarray], truth: np.ndarray, importance: np.ndarray | None = None
) -> np.ndarray:
    """Find the powers whose normalised product gives the true classes the highest likelihood.

    With one source of evidence its power is the inverse of a temperature.

    Parameters
    ----------
    evidence
        Log-probabilities, each (N, classes); ``-inf`` is allowed.
    truth
        bool, (N, classes): the classes that may be true; at least one a row.
    importance
        How much each row counts, (N,); all the same by default.

    Returns
    -------
    numpy.ndarray
        A weight for each source, within :data:`LIMITS`; ones where there is nothing to fit.
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
