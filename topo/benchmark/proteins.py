"""Synthetic proteins with realistic lengths, equal on every machine for the same seed."""

from __future__ import annotations

import numpy as np

from topo.protein import Protein
from topo.residues import AMINO_ACIDS

LENGTH_QUANTILES = (
    (0.0, 50),
    (0.05, 100),
    (0.25, 232),
    (0.5, 394),
    (0.75, 624),
    (0.95, 1357),
    (1.0, 3000),
)
"""Quantiles of the lengths of the DeepTMHMM set: share of the proteins, number of residues."""

_TYPE_SHARES = {"GLOB": 0.56, "SP": 0.28, "TM": 0.11, "SP+TM": 0.03, "BETA": 0.02}
_SIGNAL, _HELIX, _STRAND = 22, 21, 10


def synthetic_lengths(count: int, random: np.random.Generator) -> np.ndarray:
    """Return lengths whose quantiles are :data:`LENGTH_QUANTILES`, in random order, (count,)."""
    shares, lengths = np.array(LENGTH_QUANTILES).T
    points = (np.arange(count) + 0.5) / count
    return random.permutation(np.exp(np.interp(points, shares, np.log(lengths))).astype(np.int64))


def synthetic_proteins(count: int, seed: int = 0) -> list[Protein]:
    """Return proteins of random residues with legal labels of all types.

    Parameters
    ----------
    count
        Number of proteins.
    seed
        Seed of lengths, residues and types.
    """
    random = np.random.default_rng(seed)
    letters = np.array(list(AMINO_ACIDS))
    types = random.choice(list(_TYPE_SHARES), count, p=list(_TYPE_SHARES.values()))
    return [
        Protein(
            f"synthetic{index}",
            "".join(random.choice(letters, length)),
            synthetic_labels(str(kind), int(length)),
        )
        for index, (kind, length) in enumerate(
            zip(types, synthetic_lengths(count, random), strict=True)
        )
    ]


def synthetic_labels(kind: str, length: int) -> str:
    """Return a legal topology of a type of :data:`topo.labels.TYPES`, for 50 or more residues."""
    signal = "S" * _SIGNAL if kind in ("SP", "SP+TM", "BETA") else ""
    rest = length - len(signal)
    if kind == "GLOB":
        return "I" * rest
    if kind == "SP":
        return signal + "O" * rest
    if kind == "BETA":
        return signal + _membrane(rest, "PBOB", _STRAND, 3)
    return signal + _membrane(rest, "OMIM" if signal else "IMOM", _HELIX, 12)


def _membrane(length: int, turn: str, segment: int, loop: int) -> str:
    """Return up to 12 segments that alternate with loops, the first and last of which is a loop."""
    pairs = max(0, min(6, (length - loop) // (2 * (segment + loop))))
    labels = "".join(letter * (segment if letter in "MB" else loop) for letter in turn) * pairs
    if not pairs:  # a single segment at the end
        return turn[0] * (length - segment) + turn[1] * segment
    return labels + turn[0] * (length - len(labels))
