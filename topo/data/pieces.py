"""Pieces of a corpus in an endless stream, and the batches of each interval of pre-training.

A piece is a row of four numbers, int64: turn, chain, start, end. A turn contains every residue of
the training proteins once; it cuts the chains anew and puts the pieces in a new order. Turns follow
each other without end, and residues are counted along this stream. The stream depends on the seed
only, so that a resumed run trains on the same pieces as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from torch.utils.data import DataLoader

from topo.config import Config, PretrainingConfig
from topo.data.corpus import Corpus
from topo.data.masking import MaskedPieces
from topo.data.sampling import length_buckets
from topo.graph import collate
from topo.residues import RESIDUE_CODES

_HELD_OUT, _CUT, _ORDER, _TRAIN, _VALIDATION = range(5)
"""Purposes of a random generator, one of the numbers that seed it."""


def cut(lengths: np.ndarray, crop: int, random: np.random.Generator) -> np.ndarray:
    """Cut chains into pieces of ``crop`` residues that cover each chain once.

    The first and the last piece of a chain are shorter by the residues that lack to a whole number
    of pieces, divided between them at random. Neither is shorter than a quarter of ``crop``.

    Parameters
    ----------
    lengths
        Number of residues of each chain, int64, shape (N,).
    crop
        Maximum length of a piece, in residues.
    random
        Source of the cuts.

    Returns
    -------
    numpy.ndarray
        Chain, start and end of each piece, in order, int64, shape (K, 3).
    """
    counts = -(-lengths // crop)
    missing, most = counts * crop - lengths, 3 * crop // 4
    low, high = np.maximum(missing - most, 0), np.minimum(missing, most)
    shift = np.where(counts > 1, random.integers(low, high + 1), 0)
    chain = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(chain)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = number * crop - shift[chain]
    return np.stack([chain, np.maximum(start, 0), np.minimum(start + crop, lengths[chain])], axis=1)


class PretrainingData:
    """Batches of a corpus, of which a part is held out for validation.

    Parameters
    ----------
    corpus
        Sequences, see :func:`topo.data.corpus.read_corpus`.
    config
        Configuration, of which ``pretraining``, ``graph`` and ``training.seed`` are used.

    Attributes
    ----------
    train, validation
        Indices of the proteins of each part in the corpus, int64.
    """

    def __init__(self, corpus: Corpus, config: Config) -> None:
        self.corpus, self.config = corpus, config
        self.rule, self.seed = config.pretraining, config.training.seed
        order = np.random.default_rng((self.seed, _HELD_OUT)).permutation(len(corpus))
        wanted = min(self.rule.validation, len(corpus.letters) // 10)
        held = 1 + np.searchsorted(np.cumsum(corpus.lengths[order]), wanted)
        self.validation, self.train = np.split(order, [min(held, len(order) - 1)])
        self._turn: tuple[int, np.ndarray] | None = None

    @property
    def intervals(self) -> int:
        """Number of intervals of the run; the last one includes the remainder."""
        return max(1, round(self.rule.residues / self.rule.interval))

    def shown(self, interval: int) -> int:
        """Return the number of residues up to the end of an interval, rounded to pieces."""
        last = interval >= self.intervals - 1
        return self.rule.residues if last else (interval + 1) * self.rule.interval

    def train_loader(self, interval: int, rank: int = 0, world: int = 1) -> DataLoader:
        """Return the batches of an interval for process ``rank`` of ``world``."""
        begin = self.shown(interval - 1) if interval else 0
        pieces = self.stream(begin, self.shown(interval))
        batches = _batches(pieces, self.rule.batch_residues)
        random = np.random.default_rng((self.seed, _ORDER, interval))
        turns = random.permutation(len(batches))[: len(batches) - len(batches) % world]
        return self._loader(
            pieces, [batches[turn] for turn in turns[rank::world]], self.rule, _TRAIN
        )

    def validation_loader(self) -> DataLoader:
        """Return batches of the held-out pieces, with every residue to predict masked."""
        random = np.random.default_rng((self.seed, _HELD_OUT, 1))
        pieces = self._numbered(cut(self._lengths(self.validation), self.rule.crop, random), 0)
        pieces[:, 1] = self.validation[pieces[:, 1]]
        rule = self.rule.model_copy(update={"masked": 1.0, "random": 0.0})
        return self._loader(pieces, _batches(pieces, self.rule.batch_residues), rule, _VALIDATION)

    def stream(self, begin: int, end: int) -> np.ndarray:
        """Return the pieces that begin at residues ``begin`` to ``end`` of the stream.

        The result is int64 of shape (K, 4): turn, protein, start, end.
        """
        size = int(self._lengths(self.train).sum())
        parts = []
        for turn in range(begin // size, (end - 1) // size + 1):
            pieces = self._pieces(turn)
            place = turn * size + np.cumsum(pieces[:, 3] - pieces[:, 2])
            place -= pieces[:, 3] - pieces[:, 2]
            parts.append(pieces[(place >= begin) & (place < end)])
        return np.concatenate(parts)

    def background(self) -> np.ndarray:
        """Return the share of each standard residue in the training proteins, shape (20,)."""
        counts = np.zeros(256, dtype=np.int64)
        for begin in range(0, len(self.corpus.letters), 1 << 22):
            counts += np.bincount(self.corpus.letters[begin : begin + (1 << 22)], minlength=256)
        for protein in self.validation:
            counts -= np.bincount(self.corpus.sequence(protein), minlength=256)
        found = counts[RESIDUE_CODES] + 1.0
        return found / found.sum()

    def background_perplexity(self) -> float:
        """Return the pseudo-perplexity of :meth:`background` on the held-out proteins."""
        targets = np.concatenate([graph.target for graph in self.validation_loader()])
        return float(np.exp(-np.log(self.background())[targets[targets >= 0]].mean()))

    def _pieces(self, turn: int) -> np.ndarray:
        """Cut all training proteins for a turn and order the pieces at random."""
        if self._turn is None or self._turn[0] != turn:
            random = np.random.default_rng((self.seed, _CUT, turn))
            pieces = random.permutation(cut(self._lengths(self.train), self.rule.crop, random))
            pieces[:, 0] = self.train[pieces[:, 0]]
            self._turn = turn, self._numbered(pieces, turn)
        return self._turn[1]

    def _numbered(self, pieces: np.ndarray, turn: int) -> np.ndarray:
        return np.column_stack([np.full(len(pieces), turn), pieces])

    def _lengths(self, proteins: np.ndarray) -> np.ndarray:
        return self.corpus.lengths[proteins]

    def _loader(
        self,
        pieces: np.ndarray,
        batches: Iterable[list[int]],
        rule: PretrainingConfig,
        stage: int,
    ) -> DataLoader:
        dataset = MaskedPieces(self.corpus, pieces, self.config.graph, rule, (self.seed, stage))
        return DataLoader(
            dataset,
            batch_sampler=list(batches),
            collate_fn=collate,
            num_workers=self.rule.workers,
        )


def _batches(pieces: np.ndarray, residues: int) -> list[list[int]]:
    """Return batches of pieces of similar lengths, shortest first, ties in order."""
    lengths = pieces[:, 3] - pieces[:, 2]
    order = np.argsort(lengths, kind="stable")
    return [order[b].tolist() for b in length_buckets(lengths[order], residues, residues)]
