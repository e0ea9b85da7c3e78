"""Comparison of long chains in overlapping pieces.

MMseqs2's alignment of two chains ends after some 5,700 (equal) to 9,000 residues (70 % equal), so
that the share that it covers of a longer chain is too small, however similar the chains are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_REACH = 5_000  # residues that an alignment reaches in any case
_LONGEST = 10_000
_PIECE, _STEP = 4_000, 3_000


class Piece(NamedTuple):
    """A piece of a chain: index of the chain, its first residue, its sequence."""

    chain: int
    start: int
    sequence: str


class Span(NamedTuple):
    """Part of a pair of chains that aligns: first residue and end on each, and identity."""

    query: int
    query_end: int
    target: int
    target_end: int
    identity: float


def longest_whole(coverage: float) -> int:
    """Return the largest number of residues of chains that are compared as a whole."""
    return min(_LONGEST, int(_REACH / max(coverage, 0.01)))


def cut(sequences: Sequence[str], longest: int) -> Iterator[Piece]:
    """Yield the chains in order, those of more than ``longest`` residues in pieces."""
    for chain, sequence in enumerate(sequences):
        if len(sequence) <= longest:
            yield Piece(chain, 0, sequence)
            continue
        for start in range(0, len(sequence) - (_PIECE - _STEP), _STEP):
            yield Piece(chain, start, sequence[start : start + _PIECE])


def joined(spans: Sequence[Span], length: int, by_query: bool) -> tuple[float, float]:
    """Return the identity of spans, and the share that they cover of the shorter chain.

    Parameters
    ----------
    spans
        Parts that align, not empty.
    length
        Number of residues of the shorter chain.
    by_query
        Whether that is the query.
    """
    sides = sorted(
        (span.query, span.query_end) if by_query else (span.target, span.target_end)
        for span in spans
    )
    covered = end = 0
    for first, last in sides:
        covered += max(0, last - max(first, end))
        end = max(end, last)
    sizes = [span.query_end - span.query for span in spans]
    equal = sum(size * span.identity for size, span in zip(sizes, spans, strict=True))
    return equal / sum(sizes), covered / length
