"""Two label strings as bars above each other (SVG)."""

from __future__ import annotations

from html import escape

from topo.labels import UNKNOWN
from topo.report.palette import LABEL_COLORS
from topo.segments import to_segments

GAP = " "
"""Place without a residue, which is not drawn."""

_WIDTH = 640  # units of the width of a drawn chain


def draw_bars(top: str, bottom: str, name: str) -> str:
    """Draw label strings above each other, each over the whole width.

    Parameters
    ----------
    top, bottom
        Labels; :data:`GAP` where the other string has no partner.
    name
        Title of the drawing.
    """
    return (
        f'<svg viewBox="0 0 {_WIDTH} 26" preserveAspectRatio="none" role="img">'
        f"<title>{escape(name)}</title>{_bar(top, 0)}{_bar(bottom, 14)}</svg>"
    )


def _bar(labels: str, top: int) -> str:
    scale = _WIDTH / max(len(labels), 1)
    return "".join(
        f'<rect x="{segment.start * scale:.1f}" y="{top}" width="{segment.length * scale:.1f}" '
        f'height="12" fill="{LABEL_COLORS.get(segment.label, LABEL_COLORS[UNKNOWN])}"/>'
        for segment in to_segments(labels)
        if segment.label != GAP
    )
