"""Placement of a structure's residues on the full sequence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from Bio.Align import PairwiseAligner

_TRUSTED = 0.95
"""Identity from which residue numbers of the file are used without an alignment."""

_MATCH, _MISMATCH = 2, -3


class Placement(NamedTuple):
    """Places of n residues in a sequence."""

    positions: np.ndarray  # (n,) int64, strictly increasing, -1 for a residue without a place
    identity: float  # fraction of equal letters among the placed ones; an X fits any letter


def place(observed: str, full: str, numbers: Sequence[int] | None = None) -> Placement:
    """Place the observed residues of a chain on its full sequence.

    Parameters
    ----------
    observed
        The residues that have coordinates, n of them.
    full
        The full sequence.
    numbers
        Their residue numbers, tried first, because they locate gaps better than the letters do.

    Returns
    -------
    Placement
        From the numbers where they start at 1 or fit after an offset, else from a global alignment
        with free ends.
    """
    found, wanted = (np.frombuffer(s.encode(), dtype=np.uint8) for s in (observed, full))
    for offset in _offsets(observed, full, numbers):
        positions = np.asarray(numbers, dtype=np.int64) + offset
        if positions[0] < 0 or positions[-1] >= len(full) or (np.diff(positions) <= 0).any():
            continue
        if _identity(found, wanted, positions) >= _TRUSTED:
            break
    else:
        positions = _align(observed, full)
    positions = _without_tags(found, wanted, positions)
    return Placement(positions, _identity(found, wanted, positions))


def _offsets(observed: str, full: str, numbers: Sequence[int] | None) -> list[int]:
    if not numbers:
        return []
    start = full.find(observed[:10])
    return [-1] if start < 0 else [-1, start - numbers[0]]


def _identity(found: np.ndarray, wanted: np.ndarray, positions: np.ndarray) -> float:
    placed = positions >= 0
    if not placed.any():
        return 0.0
    ours, theirs = found[placed], wanted[positions[placed]]
    return float(((ours == theirs) | (ours == ord("X")) | (theirs == ord("X"))).mean())


def _without_tags(found: np.ndarray, wanted: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Remove the placement of residues at both ends whose total score is negative."""
    placed = np.flatnonzero(positions >= 0)
    ours, theirs = found[placed], wanted[positions[placed]]
    scores = np.where(ours == theirs, _MATCH, np.where(ours == ord("X"), 0, _MISMATCH))
    totals = np.concatenate([[0], np.cumsum(scores)])
    end = int(totals.argmax())
    start = int(totals[: end + 1].argmin())
    positions = positions.copy()
    positions[np.concatenate([placed[:start], placed[end:]])] = -1
    return positions


def _align(observed: str, full: str) -> np.ndarray:
    """Align globally with free ends; gaps have a cost to open and almost none to extend."""
    positions = np.full(len(observed), -1, dtype=np.int64)
    if (start := full.find(observed)) >= 0:
        positions[:] = np.arange(start, start + len(observed))
        return positions
    blocks = _aligner().align(full, observed)[0].aligned
    for (start, end), (first, last) in zip(*blocks, strict=True):
        positions[first:last] = np.arange(start, end)
    return positions


@lru_cache(maxsize=1)
def _aligner() -> PairwiseAligner:
    from Bio.Align import PairwiseAligner

    aligner = PairwiseAligner(
        mode="global", match_score=_MATCH, mismatch_score=_MISMATCH, wildcard="X"
    )
    aligner.open_internal_gap_score = -6
    aligner.extend_internal_gap_score = -0.01
    for side in ("left", "right"):
        setattr(aligner, f"open_{side}_gap_score", 0)
        setattr(aligner, f"extend_{side}_gap_score", 0)
    return aligner
