"""Layout of a snake diagram.

The outside is at the top. Loops of at most :data:`BEADS_IN_LOOP` residues and tails of at most
:data:`BEADS_IN_TAIL` are shown completely, longer ones folded, with the number of their residues. A
signal peptide is cleaved: it lies beside the membrane, before the mature chain. A chain without
membrane segments has no membrane. A re-entrant segment enters the membrane and returns to its side.

Labels of other schemes are drawn as the six that they are mapped to, in their own colours.
"""

from __future__ import annotations

from topo.io.sides import sides_around
from topo.labels import LABEL_NAMES, MEMBRANE, OUTSIDE, SIDES, SIGNAL, STRAND, UNKNOWN
from topo.labels.scheme import SIDE, SIX, LabelScheme
from topo.protein import Prediction
from topo.report.snake.columns import (
    HALF,
    ZIGZAG,
    add_column,
    gap_after,
    hairpin_size,
    width_of,
)
from topo.report.snake.parts import Body, Link, Membrane, Snake, Text
from topo.report.snake.paths import STEP, Point, loop_path, spread, tail_path
from topo.segments import Segment

BEADS_IN_LOOP = 28
BEADS_IN_TAIL = 26
BEADS_ALONE = 40
_FOLD = 6
"""Length of a fold, in beads."""
_FOLDED = 22
"""Length of a folded loop or tail with its beads, in beads."""
_FOLDED_ALONE = 34
"""Length of a folded chain without membrane segments, in beads."""
_WIDEST, _WIDEST_BARREL = 4.3, 2.5
"""Largest radius of a loop, so that it does not meet the next one on its side."""
_LEFT = 6.2
_CUT = 3.6
_BESIDE_END = 2.2
"""Distance of the first bead from the end of the membrane."""
_BESIDE = 4.6
"""Least distance of a signal peptide from the membrane, beyond the name of the side."""
_ROD = 0.55
"""Distance along a signal peptide of neighbouring beads."""


def lay_out(prediction: Prediction) -> Snake:
    """Compute the layout of a prediction with any label string."""
    segments, roles, snake = prediction.segments, _roles(prediction), Snake()
    signal = segments[0] if segments and roles[0].label == SIGNAL else None
    columns = [k for k, role in enumerate(roles) if role.label in (*MEMBRANE, SIDE)]
    rest = segments[1:] if signal else segments
    if not columns:
        _lay_out_soluble(snake, signal, rest, prediction.scheme)
        return snake
    # columns are placed first, because a loop begins and ends at the beads of two columns
    crossing = Snake()
    ends = _lay_out_columns(crossing, roles, columns, segments)
    snake.bodies, snake.texts = crossing.bodies, crossing.texts
    head = [s for s in segments[: columns[0]] if s is not signal]
    _lay_out_first_tail(snake, signal, head, ends[0][0])
    for number, k in enumerate(columns):
        snake.add(segments[k].start, ends[number])
        if number + 1 < len(columns):
            between = segments[k + 1 : columns[number + 1]]
            widest = _WIDEST_BARREL if roles[k].label == STRAND else _WIDEST
            _lay_out_loop(snake, between, ends[number][-1], ends[number + 1][0], widest)
    _lay_out_last_tail(snake, segments[columns[-1] + 1 :], ends[-1][-1])
    _add_membrane(snake, is_barrel=any(role.label == STRAND for role in roles))
    return snake


def _roles(prediction: Prediction) -> list[Segment]:
    """Return the segments with their equivalents among the six and :data:`SIDE`, or unknown."""
    scheme = prediction.scheme
    if scheme is SIX:
        return prediction.segments
    six = {label.letter: label.six for label in scheme.labels}
    return [s._replace(label=six.get(s.label) or UNKNOWN) for s in prediction.segments]


def _lay_out_columns(
    snake: Snake, roles: list[Segment], columns: list[int], segments: list[Segment]
) -> list[list[Point]]:
    """Place all membrane segments from left to right and return the points of their beads."""
    x, found = _LEFT, []
    for k in columns:
        before, after = (-1 if side == OUTSIDE else 1 for side in sides_around(roles, k))
        found.append(add_column(snake, roles[k], x, before, after, segments[k].label))
        wide = hairpin_size(roles[k])[0] if before == after else width_of(roles[k].label)
        x += wide + gap_after(roles[k])
    return found


def _side(point: Point) -> int:
    return -1 if point[1] < 0 else 1


def _length(stretch: list[Segment]) -> int:
    return sum(segment.length for segment in stretch)


def _drawn(count: int, limit: int) -> int:
    """Return the length of a stretch of residues, in beads."""
    if count <= limit:
        return count
    return _FOLDED_ALONE if limit == BEADS_ALONE else _FOLDED


def _add_beads(
    snake: Snake, stretch: list[Segment], path: list[Point], limit: int, place: Point
) -> None:
    """Place beads along a path from bead to bead, folded if they are more than ``limit``.

    ``place`` is the point of the number of residues of a folded stretch. A path without beads is a
    plain thread.
    """
    count = _length(stretch)
    if not count:
        snake.links.append(Link("thread", [path[0], path[-1]]))
        return
    first = stretch[0].start
    if count <= limit:
        snake.add(first, spread(path, count))
        return
    drawn = _drawn(count, limit)
    points = spread(path, drawn)
    shown = (drawn - _FOLD) // 2
    snake.add(first, points[:shown])
    snake.links.append(Link("fold", points[shown - 1 : drawn - shown + 1]))
    snake.add(first + count - shown, points[drawn - shown :])
    snake.texts.append(Text(f"{count - 2 * shown:,} residues", *place, "note"))


def _lay_out_loop(
    snake: Snake, between: list[Segment], start: Point, end: Point, widest: float
) -> None:
    count = _drawn(_length(between), BEADS_IN_LOOP)
    up = _side(start)
    if up != _side(end):  # labels of other programs that do not cross
        path = [start, ((start[0] + end[0]) / 2, 0.0), end]
        _add_beads(snake, between, path, BEADS_IN_LOOP, (path[1][0], path[1][1] - 1))
        return
    path = loop_path(start, end, (count + 1) * STEP, up, widest)
    top = up * max(up * y for _, y in path)
    _add_beads(snake, between, path, BEADS_IN_LOOP, ((start[0] + end[0]) / 2, top + up * 1.1))


def _lay_out_first_tail(
    snake: Snake, signal: Segment | None, stretch: list[Segment], start: Point
) -> None:
    """Place what comes before the first column, which begins at ``start``."""
    up, count = _side(start), _length(stretch)
    shown = _drawn(count, BEADS_IN_TAIL)
    path = tail_path(start, (shown + 1) * STEP, up, -1)[::-1]
    bends = len(path) > 2
    tip = spread(path, shown)[0] if count else start
    if signal:
        level = start[1] + up * max(_BESIDE, up * (tip[1] - start[1]))
        _add_signal(snake, signal, (tip[0] - _CUT, level), up, tip)
    if count:
        place = (path[0][0] + 8.5 if bends else start[0] - 4, path[0][1] + up * 1.2)
        _add_beads(snake, stretch, path, BEADS_IN_TAIL, place)
    if not signal:
        _add_end(snake, "N", None, tip, -1, up, bends=bends)


def _lay_out_last_tail(snake: Snake, stretch: list[Segment], start: Point) -> None:
    up, count = _side(start), _length(stretch)
    shown = _drawn(count, BEADS_IN_TAIL)
    path = tail_path(start, (shown + 1) * STEP, up, 1)
    place = (path[-1][0] - 8.5 if len(path) > 2 else start[0] + 4, path[-1][1] + up * 1.2)
    if count:
        _add_beads(snake, stretch, path, BEADS_IN_TAIL, place)
    last = snake.runs[-1]
    number = last.first + len(last.points)
    _add_end(snake, "C", number if count else None, last.points[-1], 1, up, bends=len(path) > 2)


def _add_end(
    snake: Snake, letter: str, number: int | None, tip: Point, way: int, up: int, *, bends: bool
) -> None:
    """Write N or C after the last bead, and its residue number beside the bead."""
    x, y = (tip[0] + way * 1.1, tip[1]) if bends else (tip[0], tip[1] + up * 1.1)
    snake.texts.append(Text(letter, x, y, "end"))
    if number and letter == "C":
        beside = (tip[0], tip[1] + up * 0.95) if bends else (tip[0] + 0.7, tip[1])
        snake.texts.append(Text(str(number), *beside, "number", "middle" if bends else "start"))


def _add_signal(snake: Snake, signal: Segment, end: Point, up: int, next_bead: Point) -> None:
    """Place a signal peptide that ends at ``end``, and its cut from the next bead."""
    right, level = end
    left = right - _ROD * (signal.length - 1)
    points = [
        (left + _ROD * k, level + ZIGZAG[k % len(ZIGZAG)] - 1.5) for k in range(signal.length)
    ]
    low, high = level - 1.6, level + 1.6
    snake.bodies.append(
        Body(signal.label, [(left, low), (right, low), (right, high), (left, high)])
    )
    snake.add(signal.start, points)
    snake.links.append(Link("cut", [points[-1], next_bead]))
    snake.texts.append(Text("N", left - 1.2, points[0][1], "end"))
    words = f"signal peptide, cleaved after {signal.end}"
    snake.texts.append(Text(words, (left + right) / 2, level + up * 2.8, "note"))


def _lay_out_soluble(
    snake: Snake, signal: Segment | None, stretch: list[Segment], scheme: LabelScheme
) -> None:
    """Place a chain without membrane segments as one row, without a membrane."""
    count = _length(stretch)
    shown = _drawn(count, BEADS_ALONE)
    if signal:
        _add_signal(snake, signal, (STEP - _CUT, 0.0), -1, (STEP, 0.0))
    path = [(0.0, 0.0), ((shown + 1) * STEP, 0.0)]
    if count:
        _add_beads(snake, stretch, path, BEADS_ALONE, ((shown + 1) * STEP / 2, -1.2))
    if not signal:
        snake.texts.append(Text("N", 0.0, 0.0, "end"))
    snake.texts.append(Text("C", (shown + 1) * STEP, 0.0, "end"))
    if count:
        snake.texts.append(Text(str(stretch[-1].end), shown * STEP, 1.0, "number"))
    if not scheme.is_mapped:
        return
    six = {label.letter: label.six for label in scheme.labels}
    labels = {six.get(segment.label) for segment in stretch}
    sides = " and ".join(LABEL_NAMES[label] for label in SIDES if label in labels)
    words = f"soluble, no membrane segment: {sides}" if sides else "no membrane segment"
    snake.texts.append(Text(words, (shown + 1) * STEP / 2, 2.4, "side"))


def _add_membrane(snake: Snake, *, is_barrel: bool) -> None:
    """Add the membrane, its name, and the names of the sides above and below it."""
    left = min(_BESIDE_END, *(x for x, _ in snake.runs[0].points)) - _BESIDE_END
    snake.membrane = Membrane(-HALF, HALF)
    inner = "periplasm" if is_barrel else "inside"
    snake.texts += [
        Text("outside", left + 0.3, -HALF - 1.3, "side", "start"),
        Text(inner, left + 0.3, HALF + 1.3, "side", "start"),
    ]
    words = ("outer", "membrane") if is_barrel else ("membrane",)
    for row, word in enumerate(words):
        y = row - (len(words) - 1) / 2
        snake.texts.append(Text(word, left + 0.3, y, "membrane", "start"))
