"""Probability traces of one protein below the bar of its segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from topo.errors import printable
from topo.labels import MEMBRANE, SIGNAL
from topo.labels.scheme import SIDE, LabelScheme
from topo.protein import Prediction
from topo.report.palette import label_colors, label_names
from topo.segments import to_segments

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CROSSES, _ENTERS, _LOOP_HEIGHT = 0.9, 0.6, 0.35
"""Heights of membrane segments, of segments that enter the membrane, and of the others."""


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
    rows = [prediction.labels] if truth is None else [prediction.labels, truth]
    _draw_bars(axes[0], rows, prediction.scheme)
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


def _draw_bars(axes: Axes, rows: list[str], scheme: LabelScheme) -> None:
    """Draw label strings as bars, the first at the top; membrane segments are thicker."""
    colors, heights = label_colors(scheme), _heights(scheme)
    for row, labels in enumerate(rows):
        centre = len(rows) - 1 - row
        for label, start, end in to_segments(labels):
            height = heights.get(label, _LOOP_HEIGHT)
            axes.broken_barh(
                [(start + 0.5, end - start)],
                (centre - height / 2, height),
                facecolor=colors[label],
                edgecolor="none",
            )
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), ["known", "predicted"][-len(rows) :], fontsize=8)
    axes.tick_params(length=0, labelbottom=False)
    axes.spines[:].set_visible(False)


def _heights(scheme: LabelScheme) -> dict[str, float]:
    """Return the heights of the labels other than loops; of all where they have no such meaning."""
    if not scheme.is_mapped:
        return dict.fromkeys(scheme.letters, _ENTERS)
    entering = dict.fromkeys(scheme.alike(SIGNAL, SIDE), _ENTERS)
    return entering | dict.fromkeys(scheme.alike(*MEMBRANE), _CROSSES)


def _draw_probabilities(axes: Axes, prediction: Prediction) -> None:
    positions = np.arange(1, len(prediction) + 1)
    marker = "." if len(prediction) == 1 else ""
    colors = label_colors(prediction.scheme)
    for index, label in enumerate(prediction.scheme.letters):
        values = prediction.probabilities[:, index]  # type: ignore[index]
        axes.plot(positions, values, color=colors[label], linewidth=1.2, marker=marker)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("probability")
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure, prediction: Prediction, truth: str | None) -> None:
    """Add a legend of the visible labels."""
    from matplotlib.patches import Patch

    shown = set(prediction.labels) | set(truth or "")
    if prediction.probabilities is not None and len(prediction):
        seen = prediction.probabilities.max(axis=0) >= 0.02
        letters = prediction.scheme.letters
        shown |= {label for label, visible in zip(letters, seen, strict=True) if visible}
    colors, names = label_colors(prediction.scheme), label_names(prediction.scheme)
    patches = [Patch(color=colors[label], label=names[label]) for label in colors if label in shown]
    if patches:
        figure.legend(
            handles=patches, loc="outside lower center", ncols=7, fontsize=8, frameon=False
        )
