"""Effects of variants: differences between two predictions of related sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topo.io.segment_table import middle_probability
from topo.io.summary import segments_text
from topo.labels import INSIDE, LABEL_INDEX, MEMBRANE, OUTSIDE, PERIPLASM, SIDES, SIGNAL, TYPE_INDEX
from topo.protein import Prediction
from topo.segments import Segment
from topo.variants.changes import Variant

LEAST_PROBABILITY = 1e-6
"""Least probability of a segment in its log-odds."""

NOTICED = 0.05
"""Least probability of a further segment in its log-odds."""

FLANK = 10
"""Residues beside the segments where a higher probability is a shift of a segment's end."""

_CROSSING = (*MEMBRANE, SIGNAL)
_SIDES = [LABEL_INDEX[label] for label in (INSIDE, OUTSIDE, PERIPLASM)]


@dataclass(frozen=True, eq=False)
class Effect:
    """Effect of a variant on the prediction of a protein with S segments, the reference.

    Parameters
    ----------
    variant
        The variant.
    score
        Sum of the absolute changes of the log-odds (natural logarithm) of the reference's membrane
        segments and signal peptide, each in its middle, and of the largest increase of these
        labels elsewhere, see :data:`NOTICED` and :data:`FLANK`.
    kept
        Probability of the reference's order of segments in the variant; of a truncation, the order
        of what is left of the segments.
    type, topology, confidence
        Prediction of the variant; the topology as :func:`topo.io.summary.segments_text`.
    type_change
        Change of the probability of the reference's type.
    type_probabilities
        Type probabilities of the variant, (5,).
    topology_changed
        Whether the order of the segments differs.
    segments
        Change of the probability of each segment's label in its middle, (S,); NaN where the
        variant lacks the segment's middle.
    outside
        Change of the expected side of each loop: the mean over its residues of the probability
        of the outside given a loop, (S,); NaN for other segments and lost loops.
    """

    variant: Variant
    score: float
    kept: float
    type: str | None
    topology: str
    confidence: float
    type_change: float
    type_probabilities: np.ndarray
    topology_changed: bool
    segments: np.ndarray
    outside: np.ndarray


class Comparison:
    """Comparison of variants with the reference, all predicted by one model in one precision.

    Parameters
    ----------
    reference
        Prediction of the protein, with probabilities.
    """

    def __init__(self, reference: Prediction) -> None:
        self.reference = reference
        self._order = _order(reference)
        self._type = TYPE_INDEX.get(reference.type or "", 0)
        self._segments, self._outside = _measures(reference, reference.segments, 0)
        self._crossing = [part for part in reference.segments if part.label in _CROSSING]
        self._odds = [_log_odds(_table(reference), part) for part in self._crossing]
        away = np.ones(len(reference), dtype=np.bool_)
        for part in self._crossing:
            away[max(part.start - FLANK, 0) : part.end + FLANK] = False
        self._away = away
        self._elsewhere = _noticed(_table(reference))

    def effect(self, variant: Variant, prediction: Prediction, kept: float) -> Effect:
        """Return the effect of a variant.

        Parameters
        ----------
        variant
            The variant.
        prediction
            Its prediction.
        kept
            Probability of the reference's order of segments in the variant.
        """
        kinds, before = prediction.type_probabilities, self.reference.type_probabilities
        assert kinds is not None, "predictions of a model have types"
        assert before is not None, "predictions of a model have types"
        segments, outside = _measures(prediction, self.reference.segments, variant.shift)
        return Effect(
            variant,
            self._score(prediction, variant.shift),
            kept,
            prediction.type,
            segments_text(prediction.segments),
            prediction.confidence or 0.0,
            float(kinds[self._type]) - float(before[self._type]),
            kinds,
            _order(prediction) != self._order,
            segments - self._segments,
            outside - self._outside,
        )

    def _score(self, prediction: Prediction, shift: int) -> float:
        table = _table(prediction)
        score = 0.0
        for part, before in zip(self._crossing, self._odds, strict=True):
            score += abs(
                _log_odds(table, part._replace(start=part.start + shift, end=part.end + shift))
                - before
            )
        rows = np.arange(len(self._away)) + shift
        shared = self._away & (rows >= 0) & (rows < len(table))
        gain = _noticed(table)[rows[shared]] - self._elsewhere[shared]
        return score + max(0.0, float(gain.max(initial=0.0)))


def _table(prediction: Prediction) -> np.ndarray:
    assert prediction.probabilities is not None, "predictions of a model have probabilities"
    return prediction.probabilities.astype(np.float64)


def _log_odds(table: np.ndarray, segment: Segment) -> float:
    """Log-odds of a segment's label in its middle; those of no probability if it is not there."""
    middle = (segment.start + segment.end) // 2
    chance = 0.0
    if 0 <= middle < len(table):
        chance = table[middle, LABEL_INDEX[segment.label]] / table[middle].sum()
    chance = min(max(chance, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
    return float(np.log(chance) - np.log1p(-chance))


def _noticed(table: np.ndarray) -> np.ndarray:
    """Log-odds of each residue's membrane and signal labels, (R,)."""
    chance = table[:, [LABEL_INDEX[label] for label in _CROSSING]].sum(1) / table.sum(1)
    chance = chance.clip(NOTICED, 1 - LEAST_PROBABILITY)
    return np.log(chance) - np.log1p(-chance)


def _order(prediction: Prediction) -> str:
    return "".join(segment.label for segment in prediction.segments)


def _measures(
    prediction: Prediction, segments: list[Segment], shift: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each segment, and of the outside in each loop, both (S,).

    The segments are those of the reference, whose residue i is residue i + ``shift`` here.
    """
    table = _table(prediction)
    found = np.full((2, len(segments)), np.nan)
    for index, (label, start, end) in enumerate(segments):
        moved = Segment(label, start + shift, end + shift)
        low, high = (moved.start + moved.end - 1) // 2, (moved.start + moved.end) // 2
        if low >= 0 and high < len(table):
            found[0, index] = middle_probability(table, moved)
        part = table[max(moved.start, 0) : max(moved.end, 0)]
        if label in SIDES and len(part):
            found[1, index] = np.mean(part[:, _SIDES[1]] / part[:, _SIDES].sum(1))
    return found[0], found[1]
