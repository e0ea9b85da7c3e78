"""Conversion between label strings and lists of segments."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple


class Segment(NamedTuple):
    """A run of one label: half-open, 0-based residue positions."""

    label: str
    start: int
    end: int

    @property
    def length(self) -> int:
        """Number of residues."""
        return self.end - self.start

    def overlap(self, other: Segment) -> int:
        """Count the residues that both segments cover, whatever their labels."""
        return max(0, min(self.end, other.end) - max(self.start, other.start))


def to_segments(labels: str) -> list[Segment]:
    """Split a label string into its maximal runs, in order (unknown residues included)."""
    segments, start = [], 0
    for label, run in groupby(labels):
        end = start + len(list(run))
        segments.append(Segment(label, start, end))
        start = end
    return segments


def from_segments(segments: Iterable[Segment]) -> str:
    """Join segments into a label string.

    Raises
    ------
    ValueError
        If the segments leave a gap, overlap or do not begin at 0.
    """
    parts: list[str] = []
    position = 0
    for segment in segments:
        if segment.start != position or segment.end < segment.start:
            raise ValueError(f"{segment} does not continue at position {position}")
        parts.append(segment.label * segment.length)
        position = segment.end
    return "".join(parts)
