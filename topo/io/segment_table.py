"""``segments.tsv``: one row per segment."""

from __future__ import annotations

from collections import Counter

import numpy as np

from topo.io.ids import plain_id
from topo.io.sides import sides_around
from topo.labels import LABEL_INDEX, LABEL_NAMES, MEMBRANE, SIDES, UNKNOWN
from topo.protein import Prediction
from topo.segments import Segment

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


def segment_records(prediction: Prediction) -> str:
    """Format the rows of one protein; unknown residues have none.

    ``number`` counts the segments with the same label from 1. A loop has its own side before and
    after it, a signal peptide has none before it. ``probability`` (4 decimals) is the probability
    of the label at the middle of the segment, where its ends do not matter: that of a helix
    there, or of the loop's side.
    """
    rows, numbers = [], Counter[str]()
    segments = prediction.segments
    for index, segment in enumerate(segments):
        if segment.label == UNKNOWN:
            continue
        numbers[segment.label] += 1
        before, after = _sides(segments, index)
        cells = [
            plain_id(prediction.id),
            prediction.type or "",
            LABEL_NAMES[segment.label],
            str(numbers[segment.label]),
            str(segment.start + 1),
            str(segment.end),
            str(segment.length),
            before,
            after,
            _probability(prediction, segment),
            prediction.sequence[segment.start : segment.end],
        ]
        rows.append("\t".join(cells) + "\n")
    return "".join(rows)


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


def middle_probability(probabilities: np.ndarray, segment: Segment) -> float:
    """Return the mean probability of a segment's label at the one or two residues in its middle.

    Parameters
    ----------
    probabilities
        Label probabilities of the chain, (R, 6).
    segment
        Segment with a known label.
    """
    low, high = (segment.start + segment.end - 1) // 2, (segment.start + segment.end) // 2
    return float(probabilities[low : high + 1, LABEL_INDEX[segment.label]].mean())


def _probability(prediction: Prediction, segment: Segment) -> str:
    if prediction.probabilities is None:
        return ""
    return f"{middle_probability(prediction.probabilities, segment):.4f}"
