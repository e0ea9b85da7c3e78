"""Heat map of the substitutions of a protein."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from topo.errors import printable
from topo.labels import LABEL_NAMES
from topo.report.palette import LABEL_COLORS
from topo.segments import to_segments
from topo.variants import Effect, Scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ORDER = "GAVLIMCFWYPSTNQHKRDE"
"""Rows of the map: small and hydrophobic, aromatic, polar, charged residues."""

_WIDTH = 100
"""Residues per panel."""

_TICK = 10
"""Residues between numbers."""

_LEAST_RANGE = 0.1


def draw_variant_map(scan: Scan) -> Figure | None:
    """Draw the score of every substitution, in panels of 100 residues below the topology.

    Dark substitutions change the probabilities of the segments; a dot marks the residue of the
    protein, and grey cells are not in the scan.

    Parameters
    ----------
    scan
        Scan to draw.

    Returns
    -------
    matplotlib.figure.Figure or None
        Figure without a window; None if the scan has no substitution.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    grid = score_grid(scan)
    if grid is None:
        return None
    size = len(scan.reference)
    panels = -(-size // _WIDTH)
    shown = min(size, _WIDTH)
    figure = Figure(figsize=(1.8 + 0.11 * max(shown, 40), 0.8 + 2.7 * panels), layout="constrained")
    axes = figure.subplots(panels, 1, squeeze=False)[:, 0]
    limit = max(float(np.nanmax(grid)), _LEAST_RANGE)
    colours = colormaps["magma_r"].with_extremes(bad="#dddddd")
    image = None
    for panel, ax in enumerate(axes):
        start = panel * _WIDTH
        part = grid[:, start : start + _WIDTH]
        image = ax.imshow(
            np.ma.masked_invalid(part),
            cmap=colours,
            vmin=0,
            vmax=limit,
            aspect="auto",
            interpolation="nearest",
            extent=(start + 0.5, start + part.shape[1] + 0.5, len(ORDER) - 0.5, -0.5),
        )
        _mark(ax, scan, start, start + part.shape[1])
        ax.set_xlim(start + 0.5, start + shown + 0.5)
        ax.set_xticks(range(start + _TICK, start + part.shape[1] + 1, _TICK))
    title = f"{scan.reference.id}   {scan.reference.type or 'no type'}"
    axes[0].set_title(printable(title), loc="left", fontsize=10, parse_math=False)
    axes[-1].set_xlabel("residue", loc="left")
    _add_key(figure, scan)
    if image is not None:
        figure.colorbar(image, ax=list(axes), shrink=min(1.0, 1.5 / panels)).set_label("score")
    return figure


def score_grid(scan: Scan) -> np.ndarray | None:
    """Return the scores of the substitutions, (20, R), NaN where unknown; None without any."""
    grid = np.full((len(ORDER), len(scan.reference)), np.nan)
    known: list[Effect] = [e for e in scan.effects if e.variant.alternate in ORDER]
    for effect in known:
        variant = effect.variant
        if variant.position is not None:
            grid[ORDER.index(variant.alternate), variant.position - 1] = effect.score
    return None if np.isnan(grid).all() else grid


def _add_key(figure: Figure, scan: Scan) -> None:
    """Name the colours of the labels that the protein has."""
    from matplotlib.patches import Patch

    present = {segment.label for segment in scan.reference.segments}
    patches = [
        Patch(color=color, label=LABEL_NAMES.get(label, label))
        for label, color in LABEL_COLORS.items()
        if label in present
    ]
    figure.legend(handles=patches, loc="outside lower left", ncols=6, fontsize=8, frameon=False)


def _mark(ax: Axes, scan: Scan, start: int, end: int) -> None:
    """Mark the residues of the protein, and draw its segments above the panel."""
    sequence = scan.reference.sequence
    own = [(place, ORDER.index(sequence[place])) for place in range(start, end)
           if sequence[place] in ORDER]  # fmt: skip
    ax.plot([x + 1 for x, _ in own], [y for _, y in own], ".", color="black", markersize=2)
    for label, first, last in to_segments(scan.reference.labels[start:end]):
        bar = [(start + first + 0.5, last - first)]
        ax.broken_barh(bar, (-2.2, 1.4), facecolor=LABEL_COLORS[label], clip_on=False)
    ax.set_ylim(len(ORDER) - 0.5, -2.4)
    ax.set_yticks(range(len(ORDER)), list(ORDER), fontsize=6)
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
