"""Segment metrics: matched segments, Qok, Qnum, Qtop (Bernhofer & Rost 2022), SOV (Zemla 1999)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from topo.labels import INSIDE, LABELS, OUTSIDE, SIDES
from topo.metrics.residue import check_lengths, known_part
from topo.segments import Segment, to_segments

MAXIMUM_SHIFT = 5
"""Largest distance in residues between the ends of matched segments."""

MINIMUM_UNION = 0.5
"""Smallest ratio of intersection and union of matched segments."""


class SegmentCounts(NamedTuple):
    """Counts of one protein for the segment metrics of one label."""

    true: int
    """Number of true segments."""
    predicted: int
    """Number of predicted segments."""
    matched: int
    """Number of matched pairs."""
    proteins: int
    """1 if the truth has such a segment."""
    ok: int
    """1 if, in addition, every segment is matched and none is extra (Qok)."""
    number: int
    """1 if, in addition, the number of segments is right (Qnum)."""
    side: int
    """1 if the number and the side of the N-terminus are right (Qtop)."""


def segments_of(labels: str, label: str) -> list[Segment]:
    """Return the segments of one label, in order."""
    return [segment for segment in to_segments(labels) if segment.label == label]


def segments_match(one: Segment, other: Segment) -> bool:
    """Return whether both ends differ by at most 5 residues and half of the union is shared."""
    shared = one.overlap(other)
    return (
        abs(one.start - other.start) <= MAXIMUM_SHIFT
        and abs(one.end - other.end) <= MAXIMUM_SHIFT
        and shared >= MINIMUM_UNION * (one.length + other.length - shared)
        and shared > 0
    )


def count_matches(
    true: Sequence[Segment],
    predicted: Sequence[Segment],
    match: Callable[[Segment, Segment], bool] = segments_match,
) -> int:
    """Count the pairs of matching segments; each segment is used at most once.

    Both lists contain the runs of one label in order. Two runs that both share half of their
    union with a third one would fill it, touch each other and be one run. A segment therefore has
    at most one partner, and one pass over both lists finds the best assignment.
    """
    matches = i = j = 0
    while i < len(true) and j < len(predicted):
        if match(true[i], predicted[j]):
            matches, i, j = matches + 1, i + 1, j + 1
        elif true[i].end <= predicted[j].end:
            i += 1
        else:
            j += 1
    return matches


def first_side(labels: str) -> str | None:
    """Return the side of the first loop, ``I`` or ``O`` (``P`` counts as ``O``), or None."""
    for letter in labels:
        if letter in SIDES:
            return INSIDE if letter == INSIDE else OUTSIDE
    return None


def segment_counts(truth: str, prediction: str, label: str) -> SegmentCounts:
    """Count true, predicted and matched segments of one label.

    Parameters
    ----------
    truth, prediction
        Label strings of equal length; segments end where the truth is unknown.
    label
        ``M`` or ``B``.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    prediction = known_part(truth, prediction)
    true, guess = segments_of(truth, label), segments_of(prediction, label)
    matched = count_matches(true, guess)
    some = bool(true)
    number = some and len(true) == len(guess)
    return SegmentCounts(
        true=len(true),
        predicted=len(guess),
        matched=matched,
        proteins=int(some),
        ok=int(number and matched == len(true)),
        number=int(number),
        side=int(number and first_side(truth) == first_side(prediction)),
    )


def sov_terms(truth: str, prediction: str, letters: Sequence[str] = LABELS) -> np.ndarray:
    """Return numerator and denominator of the segment overlap measure (SOV) per label.

    For a label i, over all pairs of a true segment s1 and an overlapping predicted segment s2 of
    that label (Zemla et al. 1999, Proteins 34:220)::

        SOV(i) = sum_pairs (minov + delta) / maxov * len(s1)
                 / (sum_pairs len(s1) + sum of len(s1) over true segments without a partner)
        delta  = min(maxov - minov, minov, len(s1) // 2, len(s2) // 2)

    minov is the length of the overlap and maxov that of the union of s1 and s2. A true segment
    with two partners counts twice in the denominator. Both terms are summed over labels for the
    SOV of all labels, and over proteins for the SOV of a set.

    Parameters
    ----------
    truth, prediction
        Label strings of equal length; segments end where the truth is unknown.
    letters
        Labels that count.

    Returns
    -------
    numpy.ndarray
        float64, shape (labels, 2): numerator, denominator.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    check_lengths(truth, prediction)
    guess = to_segments(known_part(truth, prediction))
    terms, index = np.zeros((len(letters), 2)), {label: k for k, label in enumerate(letters)}
    first = 0
    for segment in to_segments(truth):
        while first < len(guess) and guess[first].end <= segment.start:
            first += 1
        if segment.label in index:
            terms[index[segment.label]] += _sov_of_segment(segment, guess, first)
    return terms


def _sov_of_segment(true: Segment, predicted: list[Segment], first: int) -> tuple[float, float]:
    """Return both terms of a true segment; no prediction before ``first`` overlaps it."""
    score, pairs = 0.0, 0
    for other in predicted[first:]:
        if other.start >= true.end:
            break
        if other.label != true.label:
            continue
        shared = true.overlap(other)
        union = max(true.end, other.end) - min(true.start, other.start)
        delta = min(union - shared, shared, true.length // 2, other.length // 2)
        score += (shared + delta) / union * true.length
        pairs += 1
    return score, float(max(pairs, 1) * true.length)
