"""Probability traces of one protein below the bar of its segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from topo.errors import printable
from topo.labels import LABEL_NAMES, LABELS, UNKNOWN
from topo.protein import Prediction
from topo.report.palette import LABEL_COLORS
from topo.segments import to_segments

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHTS = {"S": 0.6, "M": 0.9, "B": 0.9}
_LOOP_HEIGHT = 0.35


def draw_traces(prediction: Prediction, truth: str | None = None) -> Figure:
    """Draw the bar of the segments and, if available, the probabilities of all labels.

    Parameters
    ----------
    prediction
        Prediction to draw.
    truth
        Known labels, drawn as a second bar.

    Returns
    -------
    matplotlib.figure.Figure
        Figure without a window; save it with ``figure.savefig``.
    """
    from matplotlib.figure import Figure

    bars = 1 if truth is None else 2
    traced = prediction.probabilities is not None
    figure = Figure(figsize=(10, 0.9 + 0.35 * bars + 2.4 * traced), layout="constrained")
    ratios = [0.35 * bars] + [2.4] * traced
    axes = figure.subplots(1 + traced, 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_bars(axes[0], [prediction.labels] if truth is None else [prediction.labels, truth])
    axes[0].set_title(printable(_title(prediction)), loc="left", fontsize=10, parse_math=False)
    if traced:
        _draw_probabilities(axes[1], prediction)
    axes[-1].set_xlabel("residue")
    axes[-1].set_xlim(0.5, max(len(prediction), 1) + 0.5)
    _add_legend(figure, prediction, truth)
    return figure


def _title(prediction: Prediction) -> str:
    parts = [prediction.id, prediction.type or "no type"]
    if prediction.confidence is not None:
        parts.append(f"confidence {prediction.confidence:.2f}")
    return "   ".join(parts)


def _draw_bars(axes: Axes, rows: list[str]) -> None:
    """Draw label strings as bars, the first at the top; membrane segments are thicker."""
    for row, labels in enumerate(rows):
        centre = len(rows) - 1 - row
        for label, start, end in to_segments(labels):
            height = _HEIGHTS.get(label, _LOOP_HEIGHT)
            axes.broken_barh(
                [(start + 0.5, end - start)],
                (centre - height / 2, height),
                facecolor=LABEL_COLORS[label],
                edgecolor="none",
            )
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), ["known", "predicted"][-len(rows) :], fontsize=8)
    axes.tick_params(length=0, labelbottom=False)
    axes.spines[:].set_visible(False)


def _draw_probabilities(axes: Axes, prediction: Prediction) -> None:
    positions = np.arange(1, len(prediction) + 1)
    marker = "." if len(prediction) == 1 else ""
    for index, label in enumerate(LABELS):
        values = prediction.probabilities[:, index]  # type: ignore[index]
        axes.plot(positions, values, color=LABEL_COLORS[label], linewidth=1.2, marker=marker)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("probability")
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure, prediction: Prediction, truth: str | None) -> None:
    """Add a legend of the visible labels."""
    from matplotlib.patches import Patch

    shown = set(prediction.labels) | set(truth or "")
    if prediction.probabilities is not None and len(prediction):
        seen = prediction.probabilities.max(axis=0) >= 0.02
        shown |= {label for label, visible in zip(LABELS, seen, strict=True) if visible}
    patches = [
        Patch(color=LABEL_COLORS[label], label=LABEL_NAMES[label])
        for label in (*LABELS, UNKNOWN)
        if label in shown
    ]
    if patches:
        figure.legend(
            handles=patches, loc="outside lower center", ncols=7, fontsize=8, frameon=False
        )
