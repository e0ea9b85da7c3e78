"""One colour a label for every drawing: Okabe & Ito's set, told apart by colour-blind eyes."""

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
