"""Features of the residues in a training: their description, mean and deviation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from topo.config import Config
from topo.errors import ConfigError
from topo.io.features import FeatureFile
from topo.protein import Protein


def describe_features(config: Config) -> None:
    """Record name, number and keys of the features of ``data.features`` in ``config.graph``.

    Raises
    ------
    TopoError
        If the file cannot be read, or has another number of features than the configuration.
    """
    if config.data.features is None:
        return
    file, features = FeatureFile(config.data.features), config.graph.features
    if features.width:
        file.check(features.width, features.name)
    features.width = file.width
    features.name = features.name or file.name
    features.keys = file.keys  # pyright: ignore[reportAttributeAccessIssue] - one of KEYS


def attach_features(config: Config, proteins: Iterable[Protein]) -> list[Protein]:
    """Return proteins with the features of ``data.features``.

    Raises
    ------
    TopoError
        If the file or the features of a protein cannot be used, or features are missing.
    """
    if config.data.features is None:
        return list(proteins)
    if not config.graph.features.width:
        raise ConfigError(
            "data.features: found graph.features.width 0, expected the number of features; "
            "topo.data.features.describe_features records it"
        )
    file = FeatureFile(config.data.features)
    file.check(config.graph.features.width, config.graph.features.name)
    return list(file.attach(proteins, config.data.missing_features))


def feature_moments(proteins: Iterable[Protein], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the features of all residues.

    The features of one protein are in memory at a time.

    Parameters
    ----------
    proteins
        Proteins, of which those with features count.
    width
        Number of features of a residue.

    Returns
    -------
    mean : numpy.ndarray
        As for :func:`moments`.
    deviation : numpy.ndarray
        As for :func:`moments`.

    Raises
    ------
    InputError
        If a value is not a finite number.
    """
    return moments((p.features[0 : len(p)] for p in proteins if p.features is not None), width)


def moments(arrays: Iterable[np.ndarray], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the columns of all arrays together.

    Parameters
    ----------
    arrays
        Arrays of shape (R, width).
    width
        Number of columns.

    Returns
    -------
    mean : numpy.ndarray
        float32, shape (width,); zeros without arrays.
    deviation : numpy.ndarray
        float32, shape (width,); ones without arrays. A column that does not vary has 1.
    """
    count, mean, squares = 0, np.zeros(width), np.zeros(width)
    for array in arrays:
        values = np.asarray(array, dtype=np.float64)
        # Merges the moments of two samples: Chan et al. 1983, Am Stat 37:242.
        own = values.mean(0)
        total = count + len(values)
        squares += ((values - own) ** 2).sum(0) + (own - mean) ** 2 * count * len(values) / total
        mean += (own - mean) * len(values) / total
        count = total
    if not count:
        return np.zeros(width, np.float32), np.ones(width, np.float32)
    deviation = np.sqrt(squares / count)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1.0).astype(np.float32)
