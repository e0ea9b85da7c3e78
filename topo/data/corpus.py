"""Unlabelled sequences for pre-training: read once as bytes, cut into pieces, masked.

A piece is a row of four numbers, int64: turn, chain, start, end. A turn shows every residue of the
training proteins once, the chains cut anew and the pieces in a new order; turn follows upon turn
without end, and residues are counted along that stream. All of it follows from the seed and the
place in the stream, so that a resumed run sees what an uninterrupted one would have seen.

A piece becomes a residue graph (:mod:`topo.graph`) with one field more:

=======  =====  =====  ======================================================================
field    shape  dtype  meaning
=======  =====  =====  ======================================================================
target   (R,)   int64  index in ``AMINO_ACIDS`` of a residue to be told, -100 for all others
=======  =====  =====  ======================================================================

Of the chosen residues most show as unknown (``X``: no one-hot residue, zero scales), some as a
random residue, and some as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from torch import from_numpy
from torch.utils.data import DataLoader, Dataset
from torch_geometric.data import Data

from topo.config import Config, GraphConfig, PretrainingConfig
from topo.data.sampling import length_buckets
from topo.data.splits import ids_similar_to, read_similar_ids
from topo.errors import ConfigError, InputWarning
from topo.graph import collate, residue_graph
from topo.io import read_fasta
from topo.io.files import sha256
from topo.labels import UNKNOWN_INDEX
from topo.protein import Protein
from topo.residues import RESIDUE_CODES, RESIDUE_INDEX

MASK = ord("X")
"""The letter that a masked residue shows."""

_HELD_OUT, _CUT, _ORDER, _TRAIN, _VALIDATION = range(5)
"""What a random state is for."""


@dataclass(frozen=True)
class Corpus:
    """Sequences of N proteins with R residues in all, end to end."""

    letters: np.ndarray  # (R,) uint8, ASCII
    starts: np.ndarray  # (N + 1,) int64
    checksums: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def sequence(self, index: int) -> np.ndarray:
        """Return the letters of a protein, uint8."""
        return self.letters[self.starts[index] : self.starts[index + 1]]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Residues of each protein, int64, (N,)."""
        return np.diff(self.starts)


def read_corpus(config: PretrainingConfig) -> Corpus:
    """Read the sequences of a corpus, without those that are similar to an excluded fold.

    Raises
    ------
    InputError
        On a file that cannot be read.
    ConfigError
        If no corpus is given, a fold is unknown, or fewer than two proteins are left.
    """
    if config.corpus is None:
        raise ConfigError("pretraining.corpus: found none, expected a FASTA file")
    excluded = _excluded_ids(config)
    letters, ends, left_out = bytearray(), [0], 0
    for protein in read_fasta(config.corpus):
        if protein.id in excluded:
            left_out += 1
            continue
        letters += protein.sequence.encode("ascii")
        ends.append(len(letters))
    if excluded and not left_out:
        warnings.warn(
            f"{config.exclude_similar}: none of its ids is in {config.corpus}",
            InputWarning,
            stacklevel=2,
        )
    if len(ends) < 3:
        raise ConfigError(
            f"{config.corpus}: {len(ends) - 1} proteins are left, expected two or more, "
            "to train on and to validate on"
        )
    checksums = {config.corpus: sha256(config.corpus)}
    counts = {}
    if config.exclude_similar is not None:
        checksums[config.exclude_similar] = sha256(config.exclude_similar)
        folds = ", ".join(config.exclude_folds) or "any fold"
        counts[f"{config.corpus}: similar to {folds}"] = left_out
    return Corpus(
        np.frombuffer(letters, dtype=np.uint8), np.array(ends, np.int64), checksums, counts
    )


def _excluded_ids(config: PretrainingConfig) -> set[str]:
    """Return the ids that the table calls similar to an excluded fold."""
    if config.exclude_similar is None:
        if config.exclude_folds:
            raise ConfigError(
                "pretraining.exclude_folds: expected pretraining.exclude_similar with it, "
                "the table that says what is similar"
            )
        return set()
    table = config.exclude_similar
    return ids_similar_to(config.exclude_folds, read_similar_ids(table), table)


def cut(lengths: np.ndarray, crop: int, random: np.random.Generator) -> np.ndarray:
    """Cut chains into pieces of ``crop`` residues that cover them once.

    The first and the last piece of a chain share at random what is missing from a whole number of
    pieces, neither of them being shorter than a quarter of ``crop``.

    Parameters
    ----------
    lengths
        Residues of each chain, int64, (N,).
    crop
        Longest piece, residues.

    Returns
    -------
    numpy.ndarray
        int64, (K, 3): chain, start, end; in order.
    """
    counts = -(-lengths // crop)
    missing, most = counts * crop - lengths, 3 * crop // 4
    low, high = np.maximum(missing - most, 0), np.minimum(missing, most)
    shift = np.where(counts > 1, random.integers(low, high + 1), 0)
    chain = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(chain)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = number * crop - shift[chain]
    return np.stack([chain, np.maximum(start, 0), np.minimum(start + crop, lengths[chain])], axis=1)


def mask_residues(
    letters: np.ndarray, rule: PretrainingConfig, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose residues to be told and hide most of them.

    Parameters
    ----------
    letters
        A piece, uint8, (R,). Only standard residues are chosen, at least one if there is any.
    rule
        Says which share is chosen, and how they show.

    Returns
    -------
    shown
        Letters that the model sees, uint8, (R,).
    target
        int64, (R,): see the table at the top of this module.
    """
    index = RESIDUE_INDEX[letters]
    standard = np.flatnonzero(index >= 0)
    count = min(len(standard), max(1, round(rule.chosen * len(standard))))
    chosen = random.permutation(standard)[:count]
    fate = random.random(count)
    shown, target = letters.copy(), np.full(len(letters), UNKNOWN_INDEX, dtype=np.int64)
    target[chosen] = index[chosen]
    shown[chosen[fate < rule.masked]] = MASK
    changed = chosen[(fate >= rule.masked) & (fate < rule.masked + rule.random)]
    shown[changed] = random.choice(RESIDUE_CODES, len(changed))
    return shown, target


class MaskedPieces(Dataset):
    """Pieces of a corpus as masked residue graphs.

    Parameters
    ----------
    corpus
        The sequences.
    pieces
        int64, (K, 4): turn, protein, start, end.
    graph
        What the graphs hold.
    rule
        How residues are masked.
    seed
        With the piece it determines the mask.
    """

    def __init__(
        self,
        corpus: Corpus,
        pieces: np.ndarray,
        graph: GraphConfig,
        rule: PretrainingConfig,
        seed: tuple[int, ...],
    ) -> None:
        self.corpus, self.pieces, self.graph = corpus, pieces, graph
        self.rule, self.seed = rule, seed

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, index: int) -> Data:
        turn, protein, start, end = self.pieces[index].tolist()
        letters = self.corpus.sequence(protein).copy()
        random = np.random.default_rng((*self.seed, turn, protein, start))
        letters[start:end], target = mask_residues(letters[start:end], self.rule, random)
        graph = residue_graph(
            Protein(str(protein), letters.tobytes().decode("ascii")),
            self.graph,
            start=start,
            end=end,
        )
        graph.target = from_numpy(target)
        return graph


class PretrainingData:
    """A corpus with a held-out slice, and its batches.

    Parameters
    ----------
    corpus
        What :func:`read_corpus` gives.
    config
        Its ``pretraining``, ``graph`` and ``training.seed`` count.

    Attributes
    ----------
    train, validation
        Proteins of each part, indices into the corpus, int64.
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
        """Number of intervals of the run; the last one takes the rest."""
        return max(1, round(self.rule.residues / self.rule.interval))

    def shown(self, interval: int) -> int:
        """Return the residues that have been shown when an interval ends, up to a piece."""
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
        """Return the held-out pieces, always the same, the chosen residues all masked."""
        random = np.random.default_rng((self.seed, _HELD_OUT, 1))
        pieces = self._numbered(cut(self._lengths(self.validation), self.rule.crop, random), 0)
        pieces[:, 1] = self.validation[pieces[:, 1]]
        rule = self.rule.model_copy(update={"masked": 1.0, "random": 0.0})
        return self._loader(pieces, _batches(pieces, self.rule.batch_residues), rule, _VALIDATION)

    def stream(self, begin: int, end: int) -> np.ndarray:
        """Return the pieces that begin at residues ``begin`` to ``end`` of the stream, (K, 4)."""
        size = int(self._lengths(self.train).sum())
        parts = []
        for turn in range(begin // size, (end - 1) // size + 1):
            pieces = self._pieces(turn)
            place = turn * size + np.cumsum(pieces[:, 3] - pieces[:, 2])
            place -= pieces[:, 3] - pieces[:, 2]
            parts.append(pieces[(place >= begin) & (place < end)])
        return np.concatenate(parts)

    def background(self) -> np.ndarray:
        """Return the share of each residue among the training proteins' standard ones, (20,)."""
        counts = np.zeros(256, dtype=np.int64)
        for begin in range(0, len(self.corpus.letters), 1 << 22):
            counts += np.bincount(self.corpus.letters[begin : begin + (1 << 22)], minlength=256)
        for protein in self.validation:
            counts -= np.bincount(self.corpus.sequence(protein), minlength=256)
        found = counts[RESIDUE_CODES] + 1.0
        return found / found.sum()

    def background_perplexity(self) -> float:
        """Return the pseudo-perplexity on the held-out slice of who knows the background alone."""
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
    """Put pieces of like lengths together, shortest first, ties in order."""
    lengths = pieces[:, 3] - pieces[:, 2]
    order = np.argsort(lengths, kind="stable")
    return [order[b].tolist() for b in length_buckets(lengths[order], residues, residues)]
