"""Plausibility of predicted topologies: sizes of segments and barrels that span a membrane."""

from __future__ import annotations

from typing import NamedTuple

from topo.grammar.table import Grammar
from topo.labels import HELIX, OUTSIDE, STRAND, encode_labels
from topo.segments import to_segments


class Limits(NamedTuple):
    """Least sizes of membrane segments and barrels that a prediction may contain.

    They are stricter than the grammar, which allows every label of the training sets: 9 of some
    2,500 annotated helices are shorter than 13 residues, the shortest strand has 5, and all
    annotated barrels have an even number of strands, at least 4.

    Parameters
    ----------
    helix, strand
        Least number of residues of a membrane helix and of a membrane strand.
    strands
        Least number of strands of a barrel.
    """

    helix: int = 13
    strand: int = 5
    strands: int = 4

    def within(self, grammar: Grammar) -> Limits:
        """Lower the limits to the longest segments that a grammar allows."""
        longest = {
            six: min((s.maximum for s in grammar.states
                      if s.letter in grammar.scheme.alike(six) and s.maximum), default=least)
            for six, least in ((HELIX, self.helix), (STRAND, self.strand))
        }  # fmt: skip
        return self._replace(
            helix=min(self.helix, longest[HELIX]), strand=min(self.strand, longest[STRAND])
        )


def is_plausible(labels: str, limits: Limits = Limits()) -> bool:  # noqa: B008 - immutable
    """Return whether the membrane segments of a topology can span and close.

    Helices and strands have a least length. A barrel has a least number of strands, which is
    even, and does not begin or end on the outside. Whether the topology is legal is another
    question, see :func:`is_legal`.

    Parameters
    ----------
    labels
        Letters of :data:`topo.labels.LABELS`, none unknown.
    limits
        Least sizes.

    Raises
    ------
    ValueError
        On any other letter.

    Examples
    --------
    >>> is_plausible("I" * 20 + "M" * 20 + "O" * 5)
    True
    >>> is_plausible("I" * 20 + "M" * 8)
    False
    """
    if (encode_labels(labels) < 0).any():
        raise ValueError("found unknown labels, expected a complete topology")
    if HELIX not in labels and STRAND not in labels:
        return True
    segments = to_segments(labels)
    least = {HELIX: limits.helix, STRAND: limits.strand}
    if any(segment.length < least.get(segment.label, 0) for segment in segments):
        return False
    order = [segment.label for segment in segments]
    strands = order.count(STRAND)
    if not strands:
        return True
    closed = _inner_end(order) and _inner_end(order[::-1])
    return strands >= limits.strands and strands % 2 == 0 and closed


def _inner_end(order: list[str]) -> bool:
    """Whether a barrel's segments begin on the inner side, also where a strand begins them."""
    return order[1:2] == [OUTSIDE] if order[0] == STRAND else order[0] != OUTSIDE
