"""Which proteins an epoch shows and how they are put together: class weights, length buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from torch.utils.data import Sampler

from topo.labels import TYPES


def class_weights(
    types: np.ndarray,
    power: float,
    factors: Mapping[str, float] | None = None,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return the sampling weight of each protein.

    Parameters
    ----------
    types
        Type index of each protein, int, shape (N,).
    power
        0 keeps the natural mix, 1 shows all types equally often; the weight of a protein is the
        frequency of its type to minus this power.
    factors
        Further factor for a type by name.
    weights
        Weight of each protein among those of its type, float, shape (N,); all alike where None.
        Frequencies are then shares of these weights, so that the mix of types stays.

    Returns
    -------
    numpy.ndarray
        float64, shape (N,), summing to 1.
    """
    own = np.ones(len(types)) if weights is None else weights
    shares = np.bincount(types, own, minlength=len(TYPES)) / own.sum()
    by_type = np.where(shares > 0, shares, 1.0) ** -power
    for name, factor in (factors or {}).items():
        by_type[TYPES.index(name)] *= factor
    drawn = by_type[types] * own
    return drawn / drawn.sum()


class BucketSampler(Sampler[list[int]]):
    """Draw batches of like lengths from a weighted draw of proteins.

    The proteins of an epoch are drawn first, by weight and without regard to length; only then
    are they sorted by length, cut into batches, and the batches shuffled. Bucketing so changes
    which proteins meet in a batch, never how often one is drawn.

    Parameters
    ----------
    weights
        Sampling weight of each protein, shape (N,).
    types
        Type index of each protein, int, shape (N,).
    lengths
        Residues that each protein shows, int, shape (N,).
    samples
        Proteins drawn an epoch.
    batch
        Proteins in a batch at the most.
    residues
        Padded residues in a batch at the most; a longer protein goes alone.
    seed
        Seed of draw and order; with :attr:`epoch` it determines both.
    rank, world
        Number of this process and how many there are: each takes every ``world``-th batch, all
        the same number of them.
    """

    def __init__(
        self,
        weights: np.ndarray,
        types: np.ndarray,
        lengths: np.ndarray,
        samples: int,
        batch: int,
        residues: int,
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
        self.residues = residues
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose batches the next iteration gives."""
        self.epoch = epoch

    def draw(self) -> np.ndarray:
        """Return the indices of this epoch's proteins, int64, shape (samples,).

        Systematic sampling: a protein with expectation m is drawn floor(m) or ceil(m) times.
        The proteins of a type stand together, so that an epoch's mix of types is the intended one
        up to rounding.
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
        # A tie-break at random, so that proteins of one length meet others each epoch.
        order = np.lexsort((random.random(len(drawn)), self.lengths[drawn]))
        batches = length_buckets(self.lengths[drawn[order]], self.batch, self.residues)
        turns = random.permutation(len(batches))[: self._even(len(batches))]
        for index in turns[self.rank :: self.world]:
            yield drawn[order[batches[index]]].tolist()

    def __len__(self) -> int:
        if getattr(self, "_counted", None) != self.epoch:
            lengths = np.sort(self.lengths[self.draw()])
            self._count = len(length_buckets(lengths, self.batch, self.residues))
            self._counted = self.epoch
        return self._even(self._count) // self.world

    def _even(self, batches: int) -> int:
        return batches - batches % self.world


def length_buckets(lengths: np.ndarray, batch: int, residues: int) -> list[slice]:
    """Cut ascending lengths into consecutive batches.

    Parameters
    ----------
    lengths
        Ascending, int, shape (N,).
    batch, residues
        Proteins, and padded residues (proteins times the longest), in a batch at the most.
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
