"""Snake diagram as a matplotlib figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from topo.errors import printable
from topo.labels.scheme import SIX
from topo.protein import Prediction
from topo.report.answer import answer
from topo.report.palette import label_colors, label_names, letter_color
from topo.report.snake.layout import lay_out
from topo.report.snake.parts import SIZES, Membrane, Snake
from topo.report.snake.paths import Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import EllipseCollection
    from matplotlib.figure import Figure

_INCHES = 1 / 6
"""Size of a bead unit: 16 pixels at 96 pixels per inch."""
_WIDEST = 120.0
_LEAST_WIDTH = 38.0
_HEADER, _FOOTER = 2.8, 1.8
_KEY_STEP = 7.4
_POINTS = 72.0
_HEAD = 0.42
_LIPIDS = 1.15
_THREAD = "#59636e"
_LIPID = "#c9bd97"
_TINT = 0.22


def draw_snake(prediction: Prediction) -> Figure:
    """Draw the snake diagram.

    Returns
    -------
    matplotlib.figure.Figure
        Figure without a window; save it with ``figure.savefig``.
    """
    from matplotlib.figure import Figure

    snake = lay_out(prediction)
    left, top, right, bottom = snake.box()
    inches = min(_INCHES, _WIDEST / (right - left))
    wide = max(right, left + _LEAST_WIDTH)
    size = ((wide - left) * inches, (bottom - top + _HEADER + _FOOTER) * inches)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(left, wide), ylim=(bottom + _FOOTER, top - _HEADER), aspect="equal")
    axes.axis("off")
    points = inches * _POINTS  # of a bead unit
    if snake.membrane:
        _draw_lipids(axes, snake.membrane, left, right, points)
    _draw_chain(axes, snake, prediction, points)
    style = {"parse_math": False, "zorder": 5}
    for text in snake.texts:
        axes.text(
            text.x, text.y, text.words,
            ha={"start": "left", "middle": "center", "end": "right"}[text.anchor],
            va="center_baseline", fontsize=SIZES[text.kind] * points,
            fontweight="bold" if text.kind == "end" else "normal",
            color="#57606a" if text.kind in ("side", "number") else "#1c2128", **style,
        )  # fmt: skip
    name, words = (
        printable(prediction.id),
        answer(prediction.labels, prediction.type, prediction.scheme),
    )
    title = {"fontsize": 0.85 * points, "va": "center", **style}
    axes.text(left + 0.5, top - 2.1, name, fontweight="bold", **title)
    axes.text(left + 0.5, top - 0.9, words, **title)
    _draw_key(axes, prediction, left + 0.9, bottom + _FOOTER / 2, points)
    return figure


def _draw_key(axes: Axes, prediction: Prediction, x: float, y: float, points: float) -> None:
    """Draw the colours of the labels that the protein has."""
    names, colored = label_names(prediction.scheme), label_colors(prediction.scheme)
    labels = [label for label in names if label in prediction.labels]
    longest = max((len(names[label]) for label in labels), default=0)
    step = _KEY_STEP if prediction.scheme is SIX else max(_KEY_STEP, 0.48 * longest + 2.2)
    places = [(x + step * k, y) for k in range(len(labels))]
    if labels:
        colors = [colored[label] for label in labels]
        axes.add_collection(_circles(axes, places, 0.92, colors))
    for label, (place, _) in zip(labels, places, strict=True):
        axes.text(place + 0.8, y, names[label], fontsize=0.76 * points, va="center")


def _draw_lipids(axes: Axes, membrane: Membrane, left: float, right: float, points: float) -> None:
    """Draw two leaflets: heads at the surfaces, two tails per lipid."""
    from matplotlib.collections import LineCollection

    count = max(1, int((right - left) / _LIPIDS))
    places = [left + (right - left) * (k + 0.5) / count for k in range(count)]
    tails, heads = [], []
    for x in places:
        for y, way in ((membrane.top, 1), (membrane.bottom, -1)):
            heads.append((x, y))
            end = -way * 0.35
            tails += [[(x + dx, y + way * _HEAD), (x + dx, end)] for dx in (-0.2, 0.2)]
    axes.add_collection(LineCollection(tails, colors=_LIPID, linewidths=0.07 * points, alpha=0.6))
    axes.add_collection(_circles(axes, heads, 2 * _HEAD, _LIPID))


def _circles(
    axes: Axes, places: list[Point], size: float, colors: str | list[str]
) -> EllipseCollection:
    from matplotlib.collections import EllipseCollection

    return EllipseCollection(
        size, size, 0, units="xy", offsets=places, offset_transform=axes.transData,
        facecolors=colors, edgecolors="none", zorder=3 if size > 0.86 else 1,
    )  # fmt: skip


def _draw_chain(axes: Axes, snake: Snake, prediction: Prediction, points: float) -> None:
    from matplotlib.patches import Polygon

    colored = label_colors(prediction.scheme)
    for label, outline in snake.bodies:
        color = _tint(colored[label])
        axes.add_patch(
            Polygon(
                outline, closed=True, facecolor=color, edgecolor=color,
                linewidth=0.8 * points, joinstyle="round", zorder=1.5,
            )
        )  # fmt: skip
    line = {"color": _THREAD, "linewidth": 0.2 * points, "zorder": 2, "solid_capstyle": "round"}
    for run in snake.runs:
        axes.plot(*zip(*run.points, strict=True), **line)
    dashes = {"thread": "-", "fold": (0, (0.6, 1.4)), "cut": (0, (1.5, 2))}
    for kind, path in snake.links:
        axes.plot(*zip(*path, strict=True), linestyle=dashes[kind], dash_capstyle="round", **line)
    beads = list(snake.beads())
    if not beads:
        return
    colors = [colored[prediction.labels[index]] for index, _, _ in beads]
    places = [(x, y) for _, x, y in beads]
    axes.add_collection(_circles(axes, places, 0.92, colors))
    for index, x, y in beads:
        color = letter_color(prediction.labels[index], prediction.scheme)
        axes.text(
            x, y, prediction.sequence[index], ha="center", va="center_baseline",
            fontsize=0.66 * points, fontweight="bold", color=color, zorder=4, parse_math=False,
        )  # fmt: skip


def _tint(color: str) -> str:
    """Mix a colour with white."""
    parts = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(255 + _TINT * (part - 255)):02x}" for part in parts)
