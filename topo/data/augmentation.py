"""Data augmentation that keeps the topology: substitutions and blurred boundaries."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from topo.labels import MEMBRANE, UNKNOWN_INDEX
from topo.labels.scheme import SIDE, SIX, LabelScheme
from topo.protein import Protein
from topo.residues import AMINO_ACIDS, RESIDUE_CODES, RESIDUE_INDEX


def _numbers(text: str) -> np.ndarray:
    return np.array([float(number) for number in text.split()])


BACKGROUND = _numbers(
    "0.07805 0.01925 0.05364 0.06295 0.03856 0.07377 0.02199 0.05142 0.05744 0.09019 "
    "0.02243 0.04487 0.05203 0.04264 0.05129 0.07120 0.05841 0.06441 0.01330 0.03216"
)
"""Frequencies of the standard residues, in the order of the graph's features: Robinson & Robinson
1991, Proc Natl Acad Sci 88:8880."""


def substitute(sequence: str, rate: float, random: np.random.Generator) -> str:
    """Replace a share of the standard residues by others, with the frequencies of BLOSUM62.

    Parameters
    ----------
    sequence
        One-letter codes; letters of other residues are kept.
    rate
        Expected share of residues that change.
    random
        Source of the choice; it draws two numbers per residue.
    """
    codes = np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8).copy()
    chosen, place = random.random((2, len(codes)))
    index = RESIDUE_INDEX[codes]
    changed = np.flatnonzero((chosen < rate) & (index >= 0))
    below = _replacements()[index[changed]] < place[changed, None]
    codes[changed] = RESIDUE_CODES[below.sum(1).clip(max=len(AMINO_ACIDS) - 1)]
    return codes.tobytes().decode("ascii")


def blur_boundaries(labels: np.ndarray, margin: int, scheme: LabelScheme = SIX) -> np.ndarray:
    """Replace labels by unknown on both sides of the ends of membrane segments.

    The ends of helices and strands are known to within a few residues only. The middle of each
    segment keeps its label, so that no segment disappears.

    Parameters
    ----------
    labels
        Label indices, int64, shape (R,).
    margin
        Number of residues on each side of a boundary; fewer in segments shorter than twice that.

    Returns
    -------
    numpy.ndarray
        Label indices, int64, shape (R,), -100 where unknown.
    """
    blurred = labels.copy()
    boundaries = np.nonzero(labels[1:] != labels[:-1])[0] + 1
    membrane = np.isin(labels, [scheme.index[x] for x in scheme.alike(*MEMBRANE, SIDE)])
    edges = np.concatenate([[0], boundaries, [len(labels)]])
    middles = (np.diff(edges) - 1) // 2
    for left, right, end in zip(middles[:-1], middles[1:], boundaries, strict=True):
        if membrane[end - 1] or membrane[end]:
            blurred[end - min(margin, left) : end + min(margin, right)] = UNKNOWN_INDEX
    return blurred


def hide_ends(protein: Protein, margin: int, scheme: LabelScheme = SIX) -> Protein:
    """Return a labelled protein with the labels that :func:`blur_boundaries` hides as ``-``."""
    labels = blur_boundaries(scheme.encode(protein.labels or ""), margin, scheme)
    return replace(protein, labels=scheme.decode(labels))


@lru_cache(maxsize=1)
def _replacements() -> np.ndarray:
    """Return the cumulative probabilities of the substitutes of each residue, shape (20, 20).

    BLOSUM62 (Henikoff & Henikoff 1992) contains half-bits: two residues are aligned 2^(score / 2)
    times as often as by chance.
    """
    from Bio.Align import substitution_matrices  # prediction does without Biopython

    matrix: Any = substitution_matrices.load("BLOSUM62")  # Biopython's type lacks pairs as index
    scores = np.array([[matrix[a, b] for b in AMINO_ACIDS] for a in AMINO_ACIDS])
    odds = BACKGROUND * 2 ** (scores / 2)
    np.fill_diagonal(odds, 0.0)
    return np.cumsum(odds / odds.sum(1, keepdims=True), axis=1)
