"""Membrane segments of a snake diagram: columns of beads from one side to the other.

Helices are tilted zigzags of four beads per row, strands narrow zigzags on an arrow. All beads are
in the order of the chain, so that neighbours in the chain touch.
"""

from __future__ import annotations

import math

from topo.labels import MEMBRANE, STRAND
from topo.labels.scheme import SIDE
from topo.report.snake.parts import Body, Snake, Text
from topo.report.snake.paths import Point, hairpin_path, spread
from topo.segments import Segment

HALF = 5.2
"""Half of the thickness of the membrane."""
ZIGZAG = (0.0, 1.0, 2.0, 3.0, 2.0, 1.0)
"""Position across a helix of each bead of two rows."""
RISE = 0.5
"""Smallest distance along a helix of neighbouring beads."""
_STRAND_WIDTH = 0.9
_STRAND_RISE = 0.72
_EDGE = 0.4
_TILT = {"M": 0.1, "B": 0.22}
HAIRPIN = 3.0
_SPACING = 0.8
"""Least distance along a hairpin of the beads of a re-entrant segment."""
_NUMBER = 0.62
"""Distance of a residue number from the centre of its bead."""


def width_of(label: str) -> float:
    """Return the distance between the outermost beads of a column."""
    return _STRAND_WIDTH if label == STRAND else 3.0


def gap_after(segment: Segment) -> float:
    """Return the distance to the next column, wide enough for residue numbers."""
    return 2.7 + 0.35 * (segment.end > 999) + 2.0 * (segment.label == SIDE)


def hairpin_size(segment: Segment) -> tuple[float, float]:
    """Return the width and the length of the legs of a segment that returns to its side.

    Those of a re-entrant segment fit its beads: longer ones are deeper, then wider. A helix or
    strand without a crossing, which other programs write, has one size.
    """
    if segment.label in MEMBRANE:
        return HAIRPIN, HALF
    total = _SPACING * (segment.length + 1)
    leg = min(max((total - HAIRPIN) / 2.2, 1.5), HALF)
    turn = (total - 2 * leg) / 2
    return max(HAIRPIN, 2 * math.sqrt(max(turn**2 - (0.3 * leg) ** 2, 0.0))), leg


def add_column(
    snake: Snake, segment: Segment, x: float, enters: int, leaves: int, label: str
) -> list[Point]:
    """Add a membrane segment whose leftmost bead is at ``x``; return the points of its beads.

    ``enters`` and ``leaves`` are the sides of its ends: -1 for the top, 1 for the bottom. The label
    of the segment is ``M``, ``B`` or :data:`topo.labels.scheme.SIDE`, and ``label`` is its own one.
    """
    if enters == leaves:
        width, leg = hairpin_size(segment)
        points = spread(hairpin_path(x, width, enters * HALF, leg), segment.length)
        if segment.label not in MEMBRANE:
            snake.bodies.append(Body(label, [*points, *points[-2:0:-1]]))
    else:
        points = _zigzag(segment, x, enters)
        snake.bodies.append(Body(label, _outline(segment.label, x, points)))
    snake.add(segment.start, points)
    _add_numbers(snake, segment, points)
    return points


def _zigzag(segment: Segment, x: float, enters: int) -> list[Point]:
    across = (0.0, _STRAND_WIDTH) if segment.label == STRAND else ZIGZAG
    rise = _STRAND_RISE if segment.label == STRAND else RISE
    steps = max(segment.length - 1, 1)
    span = max(2 * (HALF - _EDGE), rise * steps)
    points = []
    for k in range(segment.length):
        y = enters * span * (0.5 - k / steps)
        points.append((x + across[k % len(across)] + _TILT[segment.label] * y, y))
    return points


def _outline(label: str, x: float, points: list[Point]) -> list[Point]:
    """Return a parallelogram around a helix, or an arrow along a strand."""
    begin, finish = points[0][1], points[-1][1]
    middle = x + width_of(label) / 2
    tilt = _TILT[label]

    def at(offset: float, y: float) -> Point:
        return (middle + offset + tilt * y, y)

    if label != STRAND:
        return [at(-1.6, begin), at(1.6, begin), at(1.6, finish), at(-1.6, finish)]
    way = 1 if finish > begin else -1
    tip, neck = finish + way * 0.7, finish - way * 1.6
    sides = [at(-0.75, begin), at(-0.75, neck), at(-1.3, neck)]
    return [*sides, at(0.0, tip), at(1.3, neck), at(0.75, neck), at(0.75, begin)]


def _add_numbers(snake: Snake, segment: Segment, points: list[Point]) -> None:
    """Write the numbers of the first and last residue beside their beads.

    Both are a little deeper in the membrane than their beads, the first one more, so that it is
    free of the last one of the segment before. Those of a re-entrant segment are outside it.
    """
    if segment.label == SIDE:
        inward = 1.0 if points[0][1] < 0 else -1.0
        (left, top), (right, bottom) = points[0], points[-1]
        snake.texts += [
            Text(str(segment.start + 1), left - _NUMBER, top + 1.1 * inward, "number", "end"),
            Text(str(segment.end), right + _NUMBER, bottom + 0.35 * inward, "number", "start"),
        ]
        return
    inward = 1.0 if points[0][1] < 0 else -1.0
    _add_number(snake, segment.start + 1, points[0], points[1:2], 1.1 * inward)
    if segment.length > 1:
        inward = 1.0 if points[-1][1] < 0 else -1.0
        _add_number(snake, segment.end, points[-1], points[-2:-1], 0.35 * inward)


def _add_number(
    snake: Snake, number: int, bead: Point, neighbour: list[Point], offset: float
) -> None:
    """Write a residue number on the side of its bead where the chain does not go on."""
    way = -1 if not neighbour or neighbour[0][0] > bead[0] else 1
    anchor = "end" if way < 0 else "start"
    snake.texts.append(
        Text(str(number), bead[0] + way * _NUMBER, bead[1] + offset, "number", anchor)
    )
