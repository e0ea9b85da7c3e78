"""Bootstrap over proteins from per-protein sufficient statistics.

Every metric of this package is a function of sums over proteins. A resample is a vector of
multiplicities, and its sums are one row of a matrix product, so each protein is scored once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

Statistics = Mapping[str, np.ndarray]
"""Arrays by name: one row per protein, or sums over proteins with any leading axes."""

_CHUNK = 100  # resamples per step; bounds the memory to 100 x proteins x 8 bytes


def add_up(statistics: Statistics) -> dict[str, np.ndarray]:
    """Sum each statistic over proteins, its first axis."""
    return {name: np.asarray(rows, float).sum(0) for name, rows in statistics.items()}


def resample(statistics: Statistics, resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Sum the statistics over proteins drawn with replacement.

    Parameters
    ----------
    statistics
        Arrays of shape (N, ...), one row per protein.
    resamples
        Number of resamples; each draws N proteins.
    seed
        Seed of the draws. The same seed and N result in the same draws, so that two predictors
        are resampled in pairs.

    Returns
    -------
    dict of str to numpy.ndarray
        Arrays of shape (resamples, ...).
    """
    names = list(statistics)
    rows = [np.asarray(statistics[name], float) for name in names]
    size = len(rows[0]) if rows else 0
    flat = np.concatenate([row.reshape(size, int(np.prod(row.shape[1:]))) for row in rows], axis=1)
    sums = np.concatenate(
        [weights @ flat for weights in _multiplicities(size, resamples, seed)]
        or [np.zeros((0, flat.shape[1]))]
    )
    ends = np.cumsum([int(np.prod(row.shape[1:])) for row in rows])[:-1]
    parts = np.split(sums, ends, axis=1)
    return {
        name: part.reshape(resamples, *row.shape[1:])
        for name, row, part in zip(names, rows, parts, strict=True)
    }


def _multiplicities(size: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield numbers of times each protein is drawn, float (at most _CHUNK, size)."""
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        count = min(_CHUNK, resamples - start)
        drawn = generator.integers(max(size, 1), size=(count, size))
        drawn += np.arange(count)[:, None] * size
        yield np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size).astype(float)


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of resampled values, without those that are NaN.

    Returns
    -------
    tuple of float
        Lower and upper end; NaN if no resample has a value.
    """
    defined = samples[~np.isnan(samples)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def win_shares(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Return the fractions of paired resamples: first larger, second larger, equal."""
    defined = ~(np.isnan(first) | np.isnan(second))
    if not defined.any():
        return float("nan"), float("nan"), float("nan")
    first, second = first[defined], second[defined]
    # Sums in another order may differ in the last bit, which counts as equal.
    tie = np.isclose(first, second, rtol=1e-12, atol=1e-12)
    above = ((first > second) & ~tie).mean()
    below = ((first < second) & ~tie).mean()
    return float(above), float(below), float(tie.mean())
