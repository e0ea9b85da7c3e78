"""Segment scores: matched segments, Qok, Qnum, Qtop (Bernhofer & Rost 2022), SOV (Zemla 1999)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from topo.labels import INSIDE, LABELS, OUTSIDE, SIDES
from topo.metrics.residue import check_lengths, known_part
from topo.segments import Segment, to_segments

MAXIMUM_SHIFT = 5
"""Residues by which either end of a matched segment may be off."""

MINIMUM_UNION = 0.5
"""Share of the union that the intersection of a matched pair must reach."""


class SegmentCounts(NamedTuple):
    """What one protein adds to the segment scores of one label."""

    true: int
    """True segments."""
    predicted: int
    """Predicted segments."""
    matched: int
    """Pairs of the two that match."""
    proteins: int
    """1 where the truth has such a segment."""
    ok: int
    """1 where, besides, every segment is matched and none is extra (Qok)."""
    number: int
    """1 where, besides, the number of segments is right (Qnum)."""
    side: int
    """1 where, besides the number, the side of the N-terminus is right (Qtop)."""


def segments_of(labels: str, label: str) -> list[Segment]:
    """List the segments of one label, in order."""
    return [segment for segment in to_segments(labels) if segment.label == label]


def segments_match(one: Segment, other: Segment) -> bool:
    """Tell whether both ends lie within 5 residues and half of the union is shared."""
    shared = one.overlap(other)
    return (
        abs(one.start - other.start) <= MAXIMUM_SHIFT
        and abs(one.end - other.end) <= MAXIMUM_SHIFT
        and shared >= MINIMUM_UNION * (one.length + other.length - shared)
        and shared > 0
    )


def count_matches(true: list[Segment], predicted: list[Segment]) -> int:
    """Count the pairs of matching segments, each used once.

    Both lists are the runs of one label in order. Two runs that share half of their union with
    the same third one would have to fill it, and then they would touch and be one run; so a
    segment has at most one partner, and walking along both lists finds the best assignment.
    """
    matches = i = j = 0
    while i < len(true) and j < len(predicted):
        if segments_match(true[i], predicted[j]):
            matches, i, j = matches + 1, i + 1, j + 1
        elif true[i].end <= predicted[j].end:
            i += 1
        else:
            j += 1
    return matches


def first_side(labels: str) -> str | None:
    """Side on which a chain begins: the first ``I`` or ``O`` (``P`` reads as ``O``), or None."""
    for letter in labels:
        if letter in SIDES:
            return INSIDE if letter == INSIDE else OUTSIDE
    return None


def segment_counts(truth: str, prediction: str, label: str) -> SegmentCounts:
    """Count true, predicted and matched segments of one label.

    Parameters
    ----------
    truth, prediction
        Label strings of one length; runs break off where the truth is unknown.
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


def sov_terms(truth: str, prediction: str) -> np.ndarray:
    """Numerator and denominator of the segment overlap measure, per label.

    For a label i, over all pairs of a true segment s1 and an overlapping predicted segment s2 of
    that label (Zemla et al. 1999, Proteins 34:220)::

        SOV(i) = sum_pairs (minov + delta) / maxov * len(s1)
                 / (sum_pairs len(s1) + sum of len(s1) over true segments without a partner)
        delta  = min(maxov - minov, minov, len(s1) // 2, len(s2) // 2)

    minov is the length of the overlap and maxov that of the union of s1 and s2. A true segment
    with two partners counts twice below the line. Sums over labels and over proteins of both
    terms give the SOV of all labels and of a set.

    Parameters
    ----------
    truth, prediction
        Label strings of one length; runs break off where the truth is unknown.

    Returns
    -------
    numpy.ndarray
        float64, shape (6, 2): numerator, denominator.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    check_lengths(truth, prediction)
    guess = to_segments(known_part(truth, prediction))
    terms, index = np.zeros((len(LABELS), 2)), {label: k for k, label in enumerate(LABELS)}
    first = 0
    for segment in to_segments(truth):
        while first < len(guess) and guess[first].end <= segment.start:
            first += 1
        if segment.label in index:
            terms[index[segment.label]] += _sov_of_segment(segment, guess, first)
    return terms


def _sov_of_segment(true: Segment, predicted: list[Segment], first: int) -> tuple[float, float]:
    """Both terms of one true segment; ``first`` is the first prediction that may reach it."""
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


def sov(truth: str, prediction: str) -> float:
    """SOV over all labels of one protein, 0 to 1; NaN where nothing is known."""
    numerator, denominator = sov_terms(truth, prediction).sum(0)
    return float(numerator / denominator) if denominator else float("nan")
