"""Curves along which the beads of loops and tails lie, in bead units.

y points downwards, as on a screen. ``up`` is -1 for curves above the membrane, 1 below it.
"""

from __future__ import annotations

import math
from itertools import pairwise

STEP = 1.12
"""Distance of neighbouring beads of a loop or tail."""
_LIFT = 1.0
"""Length of the straight ends of a loop, which keep it clear of the beads of its segments."""
_STEM = 3.0
_BEND = 1.5
_ARC_POINTS = 18

Point = tuple[float, float]


def spread(path: list[Point], count: int) -> list[Point]:
    """Return ``count`` evenly spaced points in the inner part of a path."""
    lengths = [math.dist(a, b) for a, b in pairwise(path)]
    step = sum(lengths) / (count + 1)
    points, index, done = [], 0, 0.0
    last, length = len(lengths) - 1, lengths[0]
    for k in range(1, count + 1):
        reached = k * step
        while index < last and done + length < reached:
            done += length
            index += 1
            length = lengths[index]
        share = (reached - done) / length if length else 0.0
        (x0, y0), (x1, y1) = path[index], path[index + 1]
        points.append((x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))
    return points


def loop_path(start: Point, end: Point, length: float, up: int, widest: float) -> list[Point]:
    """Return a loop from ``start`` to ``end`` on one side of the membrane.

    It is an arc of a circle over the chord between them, on two stems if the circle would have a
    radius above ``widest``. The loop has the given length where that reaches from end to end.
    """
    level = up * (max(up * start[1], up * end[1]) + _LIFT)
    chord = end[0] - start[0]
    length -= abs(level - start[1]) + abs(level - end[1])
    angle = _arc_angle(chord, length)
    radius = chord / (2 * math.sin(angle / 2))
    stem = 0.0
    if radius > widest and angle > math.pi:
        radius = max(widest, chord / 2)
        angle = 2 * math.pi - 2 * math.asin(min(1.0, chord / (2 * radius)))
        stem = max(0.0, (length - radius * angle) / 2)
    foot = level + up * stem
    middle = (start[0] + chord / 2, foot - up * radius * math.cos(angle / 2))
    turns = [angle * (k / _ARC_POINTS - 0.5) for k in range(_ARC_POINTS + 1)]
    arc = [(middle[0] + radius * math.sin(t), middle[1] + up * radius * math.cos(t)) for t in turns]
    return [start, (start[0], level), *arc, (end[0], level), end]


def _arc_angle(chord: float, length: float) -> float:
    """Return the angle of the arc of this length over a chord, by bisection."""
    low, high = 0.6, 2 * math.pi - 0.05
    for _ in range(18):
        angle = (low + high) / 2
        if angle / (2 * math.sin(angle / 2)) * chord < length:
            low = angle
        else:
            high = angle
    return low


def tail_path(start: Point, length: float, up: int, way: int) -> list[Point]:
    """Return a tail that leaves the membrane at ``start`` and bends to the side.

    ``way`` is -1 for a bend to the left and 1 to the right. A short tail does not bend.
    """
    if length <= _STEM + 1:
        return [start, (start[0], start[1] + up * length)]
    foot = (start[0], start[1] + up * _STEM)
    turns = [k * math.pi / 12 for k in range(1, 7)]
    bend = [
        (foot[0] + way * _BEND * (1 - math.cos(t)), foot[1] + up * _BEND * math.sin(t))
        for t in turns
    ]
    rest = max(0.0, length - _STEM - _BEND * math.pi / 2)
    tip = (bend[-1][0] + way * rest, bend[-1][1])
    return [start, foot, *bend, tip]


def hairpin_path(x: float, width: float, y: float, leg: float | None = None) -> list[Point]:
    """Return a path into the membrane and back to the same side, at ``y``.

    ``leg`` is the length of its straight legs; to the middle of the membrane if None.
    """
    leg, way = abs(y) if leg is None else leg, 1.0 if y > 0 else -1.0
    inner = y - way * leg
    tip = (x + width / 2, inner - way * 0.3 * leg)
    corner = [(x, y), (x, inner), tip, (x + width, inner), (x + width, y)]
    return [corner[0], *corner, corner[-1]]
