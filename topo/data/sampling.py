"""Sampling of the proteins of an epoch: class weights and batches of similar lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from torch.utils.data import Sampler

from topo.labels import TYPES


def class_weights(
    types: np.ndarray,
    power: float,
    factors: Mapping[str, float] | None = None,
    weights: np.ndarray | None = None,
    names: Sequence[str] = TYPES,
) -> np.ndarray:
    """Return the sampling weight of each protein.

    Parameters
    ----------
    types
        Type index of each protein, int, shape (N,).
    power
        Exponent of class weighting: the weight of a protein is the frequency of its type to the
        power of minus this value. 0 keeps the natural frequencies, 1 makes them equal.
    factors
        Additional factor of a type, by name.
    weights
        Weight of each protein among those of its type, float, shape (N,); equal where None.
        Frequencies of types are shares of these weights, which keeps the frequencies unchanged.
    names
        Names of the types in index order.

    Returns
    -------
    numpy.ndarray
        float64, shape (N,), summing to 1.
    """
    own = np.ones(len(types)) if weights is None else weights
    shares = np.bincount(types, own, minlength=len(names)) / own.sum()
    by_type = np.where(shares > 0, shares, 1.0) ** -power
    for name, factor in (factors or {}).items():
        if name in names:
            by_type[names.index(name)] *= factor
    drawn = by_type[types] * own
    return drawn / drawn.sum()


class BucketSampler(Sampler[list[int]]):
    """Batches of similar lengths from a weighted draw of proteins.

    The proteins of an epoch are drawn by weight, regardless of length. They are then sorted by
    length and cut into batches, and the batches are shuffled. Bucketing therefore changes which
    proteins share a batch, but not how often a protein is drawn.

    Parameters
    ----------
    weights
        Sampling weight of each protein, shape (N,).
    types
        Type index of each protein, int, shape (N,).
    lengths
        Number of residues of each protein, int, shape (N,).
    samples
        Number of proteins drawn per epoch.
    batch
        Number of proteins per batch; the last one may have fewer.
    seed
        Seed of draw and order, together with :attr:`epoch`.
    rank, world
        Index of this process and number of processes. Each process takes every ``world``-th protein
        of every batch; of a batch with fewer proteins each takes all.

    Attributes
    ----------
    epoch
        Epoch of the next iteration, see :meth:`set_epoch`.
    """

    def __init__(
        self,
        weights: np.ndarray,
        types: np.ndarray,
        lengths: np.ndarray,
        samples: int,
        batch: int,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.rank = rank
        self.world = world
        self.weights = weights
        self.types = types
        self.lengths = lengths
        self.samples = samples
        self.batch = batch
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    def draw(self) -> np.ndarray:
        """Return the indices of this epoch's proteins, int64, shape (samples,).

        Systematic sampling: a protein with expectation m is drawn floor(m) or ceil(m) times.
        The proteins of a type are consecutive, so that the number of proteins of each type is the
        expected number up to rounding.
        """
        random = np.random.default_rng((self.seed, self.epoch, 0))
        order = random.permutation(len(self.weights))
        order = order[np.argsort(self.types[order], kind="stable")]
        expected = np.cumsum(self.weights[order]) * self.samples / self.weights.sum()
        points = np.arange(self.samples) + random.random()
        drawn = np.minimum(np.searchsorted(expected, points), len(order) - 1)
        return order[drawn]

    def __iter__(self) -> Iterator[list[int]]:
        drawn = self.draw()
        random = np.random.default_rng((self.seed, self.epoch, 1))
        # Random tie-breaking: proteins of equal length share batches with others each epoch.
        order = np.lexsort((random.random(len(drawn)), self.lengths[drawn]))
        starts = range(0, len(drawn), self.batch)
        for index in random.permutation(len(starts)):
            start = starts[index]
            whole = drawn[order[start : start + self.batch]].tolist()
            yield whole[self.rank :: self.world] if len(whole) >= self.world else whole

    def __len__(self) -> int:
        return -(-self.samples // self.batch)


def length_buckets(lengths: np.ndarray, batch: int, residues: int) -> list[slice]:
    """Cut ascending lengths into consecutive batches.

    Parameters
    ----------
    lengths
        Lengths in ascending order, int, shape (N,).
    batch
        Maximum number of proteins per batch.
    residues
        Maximum number of padded residues per batch (proteins times the longest).
    """
    buckets, start = [], 0
    for position, length in enumerate(lengths):
        count = position - start + 1
        if count > 1 and (count > batch or count * length > residues):
            buckets.append(slice(start, position))
            start = position
    if len(lengths):
        buckets.append(slice(start, len(lengths)))
    return buckets
