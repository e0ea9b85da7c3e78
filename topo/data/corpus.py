"""Corpus of unlabelled sequences for pre-training."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from topo.config import PretrainingConfig
from topo.errors import ConfigError, InputWarning
from topo.io import read_fasta
from topo.io.files import checksum
from topo.io.similar_folds import ids_similar_to, read_similar_ids


@dataclass(frozen=True)
class Corpus:
    """Concatenated sequences of N proteins with R residues in total.

    Parameters
    ----------
    letters
        ASCII codes of the residues, uint8, shape (R,).
    starts
        Index of each protein's first residue, and R, int64, shape (N + 1,).
    checksums
        SHA-256 of each file that was read, by path.
    left_out
        Number of proteins that were left out, by reason.
    """

    letters: np.ndarray
    starts: np.ndarray
    checksums: dict[str, str | None] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def sequence(self, index: int) -> np.ndarray:
        """Return the letters of a protein, uint8, shape (R,)."""
        return self.letters[self.starts[index] : self.starts[index + 1]]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Number of residues of each protein, int64, shape (N,)."""
        return np.diff(self.starts)


def read_corpus(config: PretrainingConfig) -> Corpus:
    """Read the sequences of a corpus, without those that are similar to an excluded fold.

    Raises
    ------
    InputError
        If a file cannot be read.
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
    checksums: dict[str, str | None] = {config.corpus: checksum(config.corpus)}
    counts = {}
    if config.exclude_similar is not None:
        checksums[config.exclude_similar] = checksum(config.exclude_similar)
        folds = ", ".join(config.exclude_folds) or "any fold"
        counts[f"{config.corpus}: similar to {folds}"] = left_out
    return Corpus(
        np.frombuffer(letters, dtype=np.uint8), np.array(ends, np.int64), checksums, counts
    )


def _excluded_ids(config: PretrainingConfig) -> set[str]:
    """Return the ids that are similar to an excluded fold, by the table of similar folds."""
    if config.exclude_similar is None:
        if config.exclude_folds:
            raise ConfigError(
                "pretraining.exclude_folds: expected pretraining.exclude_similar with it, "
                "the table of similar folds"
            )
        return set()
    table = config.exclude_similar
    return ids_similar_to(config.exclude_folds, read_similar_ids(table), table)
