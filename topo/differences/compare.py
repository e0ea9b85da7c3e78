"""Differences of two topologies: segments lost, gained, shifted or flipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from topo.differences.alignment import Alignment, align
from topo.io.sides import sides_around
from topo.labels import MEMBRANE, SIGNAL, UNKNOWN
from topo.protein import Prediction
from topo.segments import Segment

STATES = ("kept", "shifted", "flipped", "lost", "gained")
"""States of a segment."""

LEAST_SHARED = 5
"""Fewest aligned residues that two segments share to be the same segment."""

TOLERANCE = 5
"""Largest distance of the ends of a segment that is kept, in residues."""


@dataclass(frozen=True)
class Change:
    """A membrane segment or signal peptide of two topologies.

    Parameters
    ----------
    state
        One of :data:`STATES`.
    first, second
        Segment in the first and in the second topology; None where it is lost or gained.
    """

    state: str
    first: Segment | None
    second: Segment | None

    @property
    def label(self) -> str:
        """Label of the segment."""
        segment = self.first or self.second
        assert segment is not None, "a change has a segment"
        return segment.label


@dataclass(frozen=True, eq=False)
class Difference:
    """Comparison of two topologies.

    Parameters
    ----------
    first, second
        Topologies.
    alignment
        Alignment of their sequences.
    changes
        Segments in the order of the alignment.
    """

    first: Prediction
    second: Prediction
    alignment: Alignment
    changes: list[Change]

    @property
    def counts(self) -> Counter[str]:
        """Number of segments of each state."""
        return Counter(change.state for change in self.changes)

    @property
    def same_topology(self) -> bool:
        """Whether both have the same order of segments."""
        return _order(self.first) == _order(self.second)

    @property
    def consistency(self) -> float:
        """Share of the segments that agree, 0 to 1.

        Twice the number of kept and shifted segments, divided by the number of segments of both
        topologies. Without any segment it is 1 if the types are equal and 0 otherwise.
        """
        counts = self.counts
        agreeing = counts["kept"] + counts["shifted"]
        total = 2 * (agreeing + counts["flipped"]) + counts["lost"] + counts["gained"]
        if not total:
            return float(self.first.type == self.second.type)
        return 2 * agreeing / total


def compare(first: Prediction, second: Prediction) -> Difference:
    """Compare the membrane segments and signal peptides of two topologies.

    Segments with the same label that share at least :data:`LEAST_SHARED` aligned residues are the
    same segment, the pair with most shared residues first. It is flipped if the sides before and
    after it differ, and shifted if an end is more than :data:`TOLERANCE` residues away.

    Raises
    ------
    TopoError
        As for :func:`topo.differences.alignment.align`.
    """
    alignment = align(first, second)
    ours, theirs = _crossing(first), _crossing(second)
    owners, others = _owners(ours, len(first)), _owners(theirs, len(second))
    shared: Counter[tuple[int, int]] = Counter()
    for i, j in zip(alignment.first.tolist(), alignment.second.tolist(), strict=True):
        a, b = owners[i], others[j]
        if a >= 0 and b >= 0 and ours[a].label == theirs[b].label:
            shared[a, b] += 1
    partner: dict[int, int] = {}
    for (a, b), count in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if count >= LEAST_SHARED and a not in partner and b not in partner.values():
            partner[a] = b
    changes = [
        _change(first, second, alignment, ours[a], theirs[partner[a]])
        if a in partner
        else Change("lost", ours[a], None)
        for a in range(len(ours))
    ]
    changes += [
        Change("gained", None, theirs[b]) for b in range(len(theirs)) if b not in partner.values()
    ]
    changes.sort(key=lambda change: _place(change, alignment))
    return Difference(first, second, alignment, changes)


def mean_consistency(differences: Iterable[Difference]) -> float:
    """Return the mean consistency of pairs, NaN without any.

    Of orthologues, whose topologies are the same with few exceptions, this is a test of a
    predictor that needs no known topology.
    """
    values = [difference.consistency for difference in differences]
    return sum(values) / len(values) if values else float("nan")


def _crossing(prediction: Prediction) -> list[Segment]:
    return [part for part in prediction.segments if part.label in (*MEMBRANE, SIGNAL)]


def _order(prediction: Prediction) -> str:
    return "".join(part.label for part in prediction.segments if part.label != UNKNOWN)


def _owners(segments: list[Segment], size: int) -> list[int]:
    """Return the index of the segment of each residue, -1 for none."""
    owners = [-1] * size
    for index, segment in enumerate(segments):
        owners[segment.start : segment.end] = [index] * segment.length
    return owners


def _change(
    first: Prediction, second: Prediction, alignment: Alignment, ours: Segment, theirs: Segment
) -> Change:
    state = "kept"
    if _sides(first, ours) != _sides(second, theirs):
        state = "flipped"
    elif _is_shifted(alignment, ours, theirs):
        state = "shifted"
    return Change(state, ours, theirs)


def _sides(prediction: Prediction, segment: Segment) -> tuple[str, str] | None:
    """Return the sides before and after a membrane segment; None of a signal peptide."""
    if segment.label not in MEMBRANE:
        return None
    segments = prediction.segments
    return sides_around(segments, segments.index(segment))


def _is_shifted(alignment: Alignment, ours: Segment, theirs: Segment) -> bool:
    """Return whether an end of a segment has moved, measured from aligned residues within both."""
    pairs = [
        (a, b)
        for a, b in zip(alignment.first.tolist(), alignment.second.tolist(), strict=True)
        if ours.start <= a < ours.end and theirs.start <= b < theirs.end
    ]
    (a, b), (c, d) = pairs[0], pairs[-1]
    at_start = abs((a - ours.start) - (b - theirs.start))
    at_end = abs((ours.end - c) - (theirs.end - d))
    return max(at_start, at_end) > TOLERANCE


def _place(change: Change, alignment: Alignment) -> tuple[float, int]:
    """Return where a segment begins, in residues of the first sequence."""
    if change.first is not None:
        return float(change.first.start), 0
    assert change.second is not None, "a change has a segment"
    before = alignment.second.searchsorted(change.second.start)
    if before >= len(alignment.first):
        return float("inf"), change.second.start
    return float(alignment.first[before]), change.second.start
