"""``segments.tsv``: one row per segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from topo.io.ids import plain_id
from topo.io.sides import sides_around
from topo.labels import LABEL_NAMES, MEMBRANE, SIDES, UNKNOWN
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction
from topo.segments import Segment


class SegmentRow(NamedTuple):
    """A segment and what is known of it.

    Parameters
    ----------
    segment
        Segment.
    number
        Number among the segments with the same label, from 1.
    side_before, side_after
        Names of the sides; a loop has its own side before and after it, a signal peptide none
        before it ("").
    probability
        Probability of the label at the middle of the segment, where its ends do not matter: that
        of a helix there, or of the loop's side; None without probabilities.
    """

    segment: Segment
    number: int
    side_before: str
    side_after: str
    probability: float | None


_COLUMNS = (
    "id",
    "type",
    "segment",
    "number",
    "first",
    "last",
    "length",
    "side_before",
    "side_after",
    "probability",
    "sequence",
)
HEADER = "\t".join(_COLUMNS) + "\n"


def segment_rows(prediction: Prediction) -> Iterator[SegmentRow]:
    """Yield the segments of a prediction; unknown residues have none."""
    numbers = Counter[str]()
    segments = prediction.segments
    sides = _side_labels(prediction)
    for index, segment in enumerate(segments):
        if segment.label != UNKNOWN:
            numbers[segment.label] += 1
            around, probability = _sides(sides, index), _probability(prediction, segment)
            yield SegmentRow(segment, numbers[segment.label], *around, probability)


def segment_records(prediction: Prediction) -> str:
    """Format the rows of one protein (:class:`SegmentRow`); probabilities have 4 decimals."""
    rows = []
    for segment, number, before, after, probability in segment_rows(prediction):
        cells = [
            plain_id(prediction.id),
            prediction.type or "",
            prediction.scheme.by_letter[segment.label].name,
            str(number),
            str(segment.start + 1),
            str(segment.end),
            str(segment.length),
            before,
            after,
            "" if probability is None else f"{probability:.4f}",
            prediction.sequence[segment.start : segment.end],
        ]
        rows.append("\t".join(cells) + "\n")
    return "".join(rows)


def _side_labels(prediction: Prediction) -> list[Segment]:
    """Return the segments with their six-letter labels, or with none."""
    scheme, labels = prediction.scheme, prediction.labels
    if scheme is SIX:
        return prediction.segments
    six = scheme.to_six(labels) if scheme.is_mapped else ""
    return [
        segment._replace(label=six[segment.start] if six else "") for segment in prediction.segments
    ]


def _sides(segments: list[Segment], index: int) -> tuple[str, str]:
    """Names of the sides before and after a segment."""
    label = segments[index].label
    if label in SIDES:
        return LABEL_NAMES[label], LABEL_NAMES[label]
    if label in MEMBRANE:
        before, after = sides_around(segments, index)
        return LABEL_NAMES[before], LABEL_NAMES[after]
    following = segments[index + 1].label if index + 1 < len(segments) else ""
    return "", LABEL_NAMES[following] if following in SIDES else ""


def middle_probability(
    probabilities: np.ndarray, segment: Segment, scheme: LabelScheme = SIX
) -> float:
    """Return the mean probability of a segment's label at the one or two residues in its middle.

    Parameters
    ----------
    probabilities
        Label probabilities of the chain, (R, labels).
    segment
        Segment with a known label.
    scheme
        Scheme of the labels.
    """
    low, high = (segment.start + segment.end - 1) // 2, (segment.start + segment.end) // 2
    column = scheme.index[segment.label]
    return float((probabilities[low, column] + probabilities[high, column]) / 2)


def _probability(prediction: Prediction, segment: Segment) -> float | None:
    if prediction.probabilities is None:
        return None
    return middle_probability(prediction.probabilities, segment, prediction.scheme)
