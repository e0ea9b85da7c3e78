"""Temperature scaling (Guo et al. 2017, ICML): one number that makes probabilities honest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar


def fit_temperature(log_probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Find T for which p^(1/T), normalised, gives the true classes the highest likelihood.

    Parameters
    ----------
    log_probabilities
        (N, classes); ``-inf`` is allowed.
    truth
        bool, (N, classes): the classes that may be true; at least one a row.

    Returns
    -------
    float
        Between 0.1 and 10; 1 where there is nothing to fit on.
    """
    if not len(truth):
        return 1.0
    found = minimize_scalar(
        _likelihood(log_probabilities, truth), method="bounded", bounds=(-2.3, 2.3)
    )
    return float(np.exp(found.x))


def _likelihood(log_probabilities: np.ndarray, truth: np.ndarray) -> Callable[[float], float]:
    scores = np.maximum(log_probabilities.astype(np.float64), -60.0)

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        scaled -= scaled.max(1, keepdims=True)
        mass = np.exp(scaled)
        return -np.mean(np.log((mass * truth).sum(1) / mass.sum(1)))

    return negative_log_likelihood
