"""Colours of the labels, from the colour-blind safe palette of Okabe and Ito."""

from __future__ import annotations

LABEL_COLORS = {
    "I": "#CC79A7",
    "O": "#56B4E9",
    "P": "#009E73",
    "S": "#E69F00",
    "M": "#D55E00",
    "B": "#0072B2",
    "-": "#999999",
}
"""Colour of each label, and of unknown residues."""

_WHITE_ON = "B"


def letter_color(label: str) -> str:
    """Return the colour of letters on the colour of a label, the one with the higher contrast."""
    return "#ffffff" if label in _WHITE_ON else "#111111"
