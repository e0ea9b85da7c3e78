"""Alignment of two sequences."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from topo.errors import TopoError
from topo.protein import Prediction, Protein

OPEN, EXTEND = -11.0, -1.0
"""Scores of a gap's first and further residues, BLASTP's; gaps at the ends are free."""

MOST_CELLS = 400_000_000
"""Largest product of two lengths that are aligned."""

_UNKNOWN = "X"


class Alignment(NamedTuple):
    """Aligned residues of two sequences.

    Parameters
    ----------
    first, second
        Positions of the aligned residues, 0-based and ascending, int64, both (N,).
    identity
        Share of the aligned residues that are the same letter; 0 if none is aligned.
    """

    first: np.ndarray
    second: np.ndarray
    identity: float

    def rows(self, first: str, second: str, gap: str = "-") -> tuple[str, str]:
        """Return two texts of the sequences' lengths as rows of the alignment with gaps."""
        tops, bottoms, i, j = [], [], 0, 0
        for a, b in [*zip(self.first.tolist(), self.second.tolist(), strict=True),
                     (len(first), len(second))]:  # fmt: skip
            tops += [first[i:a], gap * (b - j), first[a : a + 1]]
            bottoms += [gap * (a - i), second[j:b], second[b : b + 1]]
            i, j = a + 1, b + 1
        return "".join(tops), "".join(bottoms)


def align(first: Protein | Prediction, second: Protein | Prediction) -> Alignment:
    """Align two sequences globally with BLOSUM62; equal sequences residue by residue.

    Sequences that are unknown (files of topologies without them) must have the same length.

    Raises
    ------
    TopoError
        If a sequence is unknown and the lengths differ, or both are too long.
    """
    one, two = first.sequence, second.sequence
    unknown = not one.strip(_UNKNOWN) or not two.strip(_UNKNOWN)
    if one == two or (unknown and len(one) == len(two)):
        places = np.arange(len(one))
        return Alignment(places, places, 1.0 if one == two else 0.0)
    if unknown:
        raise TopoError(
            f"{first.id} and {second.id}: found a topology without sequence, expected sequences "
            f"or equal lengths ({len(one)} and {len(two)})"
        )
    if len(one) * len(two) > MOST_CELLS:
        raise TopoError(f"{first.id} and {second.id}: found chains too long to be aligned")
    best = next(iter(_aligner().align(_known(one), _known(two))))
    places = [
        np.array([place for start, end in side for place in range(start, end)], dtype=np.int64)
        for side in best.aligned
    ]
    same = [one[a] == two[b] for a, b in zip(*places, strict=True)]
    return Alignment(places[0], places[1], float(np.mean(same)) if same else 0.0)


@cache
def _aligner() -> Any:
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(mode="global")
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    aligner.open_gap_score, aligner.extend_gap_score = OPEN, EXTEND
    aligner.end_gap_score = 0.0
    return aligner


def _known(sequence: str) -> str:
    """Replace the letters that BLOSUM62 lacks."""
    return sequence.translate(str.maketrans("JUO", "XXX"))
