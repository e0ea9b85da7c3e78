"""Sides before and after a membrane segment, also where a loop is missing."""

from __future__ import annotations

from collections.abc import Sequence

from topo.labels import INSIDE, OUTSIDE, PERIPLASM, SIDES, SIGNAL, STRAND
from topo.segments import Segment


def sides_around(segments: Sequence[Segment], index: int) -> tuple[str, str]:
    """Return the labels of the sides before and after the membrane segment at ``index``.

    Where there is no loop on one side (chain end, signal peptide, another membrane segment), it
    is the opposite of the other side. With no loop at all the segment runs from inside
    (periplasm for a strand) to outside; after a signal peptide, from outside to inside.

    Returns
    -------
    tuple of str
        Letters among ``I``, ``O`` and ``P``; equal only where the labels are.
    """
    inner = PERIPLASM if segments[index].label == STRAND else INSIDE
    before = segments[index - 1].label if index else None
    after = segments[index + 1].label if index + 1 < len(segments) else None
    if before not in SIDES and after not in SIDES:
        before = OUTSIDE if before == SIGNAL and inner == INSIDE else inner
    if before not in SIDES:
        before = opposite(str(after), inner)
    if after not in SIDES:
        after = opposite(str(before), inner)
    return str(before), str(after)


def opposite(side: str, inner: str = INSIDE) -> str:
    """Return the other side of the membrane; ``inner`` is the one opposite outside."""
    return inner if side == OUTSIDE else OUTSIDE
