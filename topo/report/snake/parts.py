"""Parts of a snake diagram: beads, thread, bodies of segments, texts and membrane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from topo.report.snake.paths import Point

SIZES = {"end": 0.95, "number": 0.64, "note": 0.76, "side": 0.86, "membrane": 0.72}
"""Font size of each kind of text, in bead units."""
_CHARACTER = 0.58
"""Mean width of a character over its font size."""
_MARGIN = 0.6


class Run(NamedTuple):
    """Beads of consecutive residues, joined by the thread."""

    first: int
    points: list[Point]


class Link(NamedTuple):
    """Thread between two runs: ``thread``, ``fold`` (residues left out) or ``cut`` (cleavage)."""

    kind: str
    points: list[Point]


class Body(NamedTuple):
    """Outline of a helix, strand or signal peptide behind its beads."""

    label: str
    points: list[Point]


class Text(NamedTuple):
    """Words at a point; ``kind`` is a key of :data:`SIZES`, ``anchor`` start, middle or end."""

    words: str
    x: float
    y: float
    kind: str
    anchor: str = "middle"


class Membrane(NamedTuple):
    """Two leaflets between ``top`` and ``bottom``, over the whole width."""

    top: float
    bottom: float


@dataclass
class Snake:
    """Layout in bead units; y points downwards and the middle of the membrane is at 0.

    Attributes
    ----------
    runs, links
        The thread, in the order of the chain.
    bodies, texts
        Outlines behind the beads, and words.
    membrane
        Membrane, or None for a chain without membrane segments.
    """

    runs: list[Run] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    membrane: Membrane | None = None

    def add(self, first: int, points: list[Point]) -> None:
        """Append beads to the thread; they continue the last run if nothing lies between."""
        if not points:
            return
        last = self.runs[-1] if self.runs else None
        if last and last.first + len(last.points) == first and not self._is_cut(last):
            last.points.extend(points)
        else:
            self.runs.append(Run(first, list(points)))

    def _is_cut(self, run: Run) -> bool:
        """Return whether a link begins at the end of a run."""
        return bool(self.links) and self.links[-1].points[0] == run.points[-1]

    def beads(self) -> Iterator[tuple[int, float, float]]:
        """Yield residue index, x and y of every bead, in the order of the chain."""
        for first, points in self.runs:
            for k, (x, y) in enumerate(points):
                yield first + k, x, y

    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of everything that is drawn."""
        points = [point for run in self.runs for point in run.points]
        points += [point for part in (*self.links, *self.bodies) for point in part.points]
        xs, ys = [x for x, _ in points] or [0.0], [y for _, y in points] or [0.0]
        lefts, rights = [min(xs) - 0.7], [max(xs) + 0.7]
        tops, bottoms = [min(ys) - 0.7], [max(ys) + 0.7]
        for words, x, y, kind, anchor in self.texts:
            size = SIZES[kind]
            width = len(words) * size * _CHARACTER
            start = x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
            lefts.append(start)
            rights.append(start + width)
            tops.append(y - size * 0.6)
            bottoms.append(y + size * 0.6)
        if self.membrane:
            tops.append(self.membrane.top - 0.6)
            bottoms.append(self.membrane.bottom + 0.6)
        return (
            min(lefts) - _MARGIN,
            min(tops) - _MARGIN,
            max(rights) + _MARGIN,
            max(bottoms) + _MARGIN,
        )
