"""Snake diagram: the chain as beads that cross the membrane, with the outside at the top.

The unit of the layout is one bead. Helices and signal peptides are columns of rows of four beads,
strands zigzag columns. Loops of at most :data:`BEADS_IN_LOOP`
residues are hairpins of beads; longer ones are a line with the number of residues.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from topo.errors import printable
from topo.io.sides import opposite, sides_around
from topo.labels import HELIX, OUTSIDE, SIDES, SIGNAL, STRAND
from topo.protein import Prediction
from topo.report.palette import LABEL_COLORS
from topo.segments import Segment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HALF = 3.6
"""Half of the thickness of the membrane."""
BEADS_IN_LOOP = 30
_BEADS_IN_TAIL = 18
_PITCH = 6.0
_STRAND_PITCH = 4.0
_STEM = 4.0
_LONG_STEM = 9.0
_MEMBRANE = (HELIX, STRAND, SIGNAL)

Point = tuple[float, float]


@dataclass
class Snake:
    """Layout in bead units; y points upwards, the membrane lies between -HALF and HALF.

    Attributes
    ----------
    beads
        Residue index, x, y.
    paths
        Label and points of the line of each loop or tail.
    notes
        Text, x, y.
    width
        Right end of the membrane, whose left end is 0.
    """

    beads: list[tuple[int, float, float]] = field(default_factory=list)
    paths: list[tuple[str, list[Point]]] = field(default_factory=list)
    notes: list[tuple[str, float, float]] = field(default_factory=list)
    width: float = 0.0


def lay_out(prediction: Prediction) -> Snake:
    """Compute the layout of a prediction with any label string."""
    segments = prediction.segments
    snake = Snake()
    columns = [i for i, segment in enumerate(segments) if segment.label in _MEMBRANE]
    if not columns:
        _lay_out_alone(snake, segments)
        return snake
    x, cursor, pending = 4.0, None, 0
    for index in columns:
        segment = segments[index]
        up = _ends(segments, index)
        half_pitch = (_STRAND_PITCH if segment.label == STRAND else _PITCH) / 2
        x += half_pitch
        start = (x, HALF if up[0] else -HALF)
        loop = [s for s in segments[:index] if s.start >= pending]
        if cursor is None:
            _lay_out_tail(snake, loop, start, -1, "N")
        else:
            _lay_out_loop(snake, loop, cursor, start)
        _lay_out_column(snake, segment, x, up[0])
        cursor, pending = (x, HALF if up[1] else -HALF), segment.end
        x += half_pitch
    snake.width = x + 2.0
    _lay_out_tail(snake, segments[columns[-1] + 1 :], cursor or (x, HALF), 1, "C")
    return snake


def _ends(segments: list[Segment], index: int) -> tuple[bool, bool]:
    """Return whether the chain enters and leaves a membrane segment on the outside."""
    if segments[index].label == SIGNAL:
        after = segments[index + 1].label if index + 1 < len(segments) else OUTSIDE
        side = after if after in SIDES else OUTSIDE
        return opposite(side) == OUTSIDE, side == OUTSIDE
    before, after = sides_around(segments, index)
    return before == OUTSIDE, after == OUTSIDE


def _lay_out_column(snake: Snake, segment: Segment, x: float, enters_outside: bool) -> None:
    """Place a membrane segment from one side of the membrane to the other."""
    begin = HALF if enters_outside else -HALF
    finish = -begin  # also if the labels do not cross, as in files of other tools
    per_row = 1 if segment.label == STRAND else 4
    rows = math.ceil(segment.length / per_row)
    for k in range(segment.length):
        row, column = divmod(k, per_row)
        y = begin + (finish - begin) * (row + 0.5 + 0.2 * (column / per_row - 0.4)) / rows
        dx = 0.45 * (-1) ** row if per_row == 1 else 0.95 * (column - 1.5)
        snake.beads.append((segment.start + k, x + dx, y))
    if segment.label == SIGNAL:
        name = f"cleaved after {segment.end}"
        snake.notes.append((name, x - 3.6, finish + math.copysign(0.9, finish)))


def _lay_out_loop(snake: Snake, loop: list[Segment], start: Point, end: Point) -> None:
    """Place a hairpin between two columns."""
    length = sum(segment.length for segment in loop)
    up = 1.0 if start[1] > 0 else -1.0
    radius = (end[0] - start[0]) / 2
    beads = length <= BEADS_IN_LOOP
    stem = max(0.4, (length + 1 - math.pi * radius) / 2) if beads else _LONG_STEM
    path = _hairpin(start, end, stem * up, radius, up)
    top = (start[0] + radius, path[len(path) // 2][1] + up * 1.0)
    _lay_out_along(snake, loop, path, beads, top)


def _hairpin(start: Point, end: Point, stem: float, radius: float, up: float) -> list[Point]:
    """Return points along stem, half circle and stem."""
    y = start[1] + stem
    arc = [
        (
            start[0] + radius * (1 - math.cos(math.pi * t / 16)),
            y + up * radius * math.sin(math.pi * t / 16),
        )
        for t in range(17)
    ]
    return [start, *arc, end]


def _lay_out_tail(snake: Snake, tail: list[Segment], at: Point, way: int, name: str) -> None:
    """Place the chain before the first or after the last column; ``way`` is -1 to the left."""
    length = sum(segment.length for segment in tail)
    up = 1.0 if at[1] > 0 else -1.0
    beads = length <= _BEADS_IN_TAIL
    reach = max(0.0, (length if beads else _BEADS_IN_TAIL) - _STEM)
    stem = min(_STEM, length + 0.5)
    corner = (at[0], at[1] + up * stem)
    tip = (corner[0] + way * reach, corner[1])
    path = [at, corner, tip] if reach else [at, corner]
    middle = ((corner[0] + tip[0]) / 2, corner[1] + up * 1.1)
    _lay_out_along(snake, tail, path if way > 0 else path[::-1], beads, middle)
    snake.notes.append((name, tip[0] + way * 1.1, tip[1] + (0.0 if reach else up * 0.9)))


def _lay_out_along(
    snake: Snake, stretch: list[Segment], path: list[Point], beads: bool, label_at: Point
) -> None:
    """Place beads on a path, or a line with the number of residues."""
    length = sum(segment.length for segment in stretch)
    letter = stretch[0].label if stretch else "-"
    snake.paths.append((letter, path))
    if beads:
        for k, (x, y) in enumerate(_spread(path, length)):
            snake.beads.append((stretch[0].start + k, x, y))
    else:
        snake.notes.append((f"{length} residues", *label_at))


def _spread(path: list[Point], count: int) -> list[Point]:
    """Return ``count`` evenly spaced points in the inner part of a path."""
    lengths = [math.dist(a, b) for a, b in pairwise(path)]
    step = sum(lengths) / (count + 1)
    points, index, done = [], 0, 0.0
    for k in range(1, count + 1):
        while index < len(lengths) - 1 and done + lengths[index] < k * step:
            done += lengths[index]
            index += 1
        share = (k * step - done) / lengths[index] if lengths[index] else 0.0
        (x0, y0), (x1, y1) = path[index], path[index + 1]
        points.append((x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))
    return points


def _lay_out_alone(snake: Snake, segments: list[Segment]) -> None:
    """Place a chain without membrane segments as one line next to the membrane."""
    length = sum(segment.length for segment in segments)
    up = 1.0 if segments and segments[0].label == OUTSIDE else -1.0
    beads = length <= 2 * BEADS_IN_LOOP
    reach = float(length + 1 if beads else BEADS_IN_LOOP)
    y = up * (HALF + 4)
    snake.width = reach + 6
    _lay_out_along(
        snake, segments, [(3.0, y), (3 + reach, y)], beads, (3 + reach / 2, y + up * 1.2)
    )
    snake.notes += [("N", 1.8, y), ("C", reach + 4.2, y)]


def draw_snake(prediction: Prediction) -> Figure:
    """Draw the snake diagram.

    Returns
    -------
    matplotlib.figure.Figure
        Figure without a window; save it with ``figure.savefig``.
    """
    from matplotlib.collections import EllipseCollection
    from matplotlib.figure import Figure

    snake = lay_out(prediction)
    left, right, low, high = _extent(snake)
    scale = min(0.19, 40 / (right - left))  # inches per bead; at most 40 inches wide
    size = max(4.0, (right - left) * scale), max(2.0, (high - low) * scale + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    axes.axis("off")
    axes.axhspan(-HALF, HALF, color="#EEE6D0", zorder=0)
    for letter, path in snake.paths:
        axes.plot(*zip(*path, strict=True), color=LABEL_COLORS[letter], linewidth=2, zorder=1)
    colors = [LABEL_COLORS[prediction.labels[index]] for index, _, _ in snake.beads]
    places = [(x, y) for _, x, y in snake.beads]
    if places:
        axes.add_collection(
            EllipseCollection(
                0.96, 0.96, 0, units="xy", offsets=places, offset_transform=axes.transData,
                facecolors=colors, edgecolors="white", linewidths=0.3, zorder=2,
            )
        )  # fmt: skip
    style = {"ha": "center", "va": "center", "parse_math": False}
    for index, x, y in snake.beads:
        axes.text(x, y, prediction.sequence[index], fontsize=40 * scale, zorder=3, **style)
    for text, x, y in snake.notes:
        weight = "bold" if text in ("N", "C") else "normal"
        axes.text(x, y, text, fontsize=48 * scale, fontweight=weight, zorder=4, **style)
    axes.text(left + 0.3, HALF - 0.3, "outside", fontsize=7, va="top", color="#555555")
    inner = "periplasm" if prediction.type == "BETA" else "inside"
    axes.text(left + 0.3, -HALF + 0.3, inner, fontsize=7, va="bottom", color="#555555")
    axes.set_title(printable(prediction.id), loc="left", fontsize=10, parse_math=False)
    return figure


def _extent(snake: Snake) -> tuple[float, float, float, float]:
    """Return left, right, low and high end of the drawing."""
    points = [(x, y) for _, x, y in snake.beads] + [(x, y) for _, x, y in snake.notes]
    points += [point for _, path in snake.paths for point in path]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (
        min(0.0, *xs) - 4,
        max(snake.width, *xs) + 2,
        min(-HALF - 1.5, *ys) - 1.5,
        max(HALF + 1.5, *ys) + 1.5,
    )
