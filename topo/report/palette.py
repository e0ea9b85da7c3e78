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
