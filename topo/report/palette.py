"""Colours and names of the labels of a scheme; those of the six are by Okabe and Ito."""

from __future__ import annotations

from topo.labels import UNKNOWN
from topo.labels.scheme import SIX, LabelScheme

_DARK, _LIGHT = "#111111", "#ffffff"


def label_colors(scheme: LabelScheme = SIX) -> dict[str, str]:
    """Return the colour of each label, in index order, and of unknown residues."""
    return {**{label.letter: label.color for label in scheme.labels}, UNKNOWN: "#999999"}


def label_names(scheme: LabelScheme = SIX) -> dict[str, str]:
    """Return the name of each label, in index order, and of unknown residues."""
    return {**{label.letter: label.name for label in scheme.labels}, UNKNOWN: "unknown"}


LABEL_COLORS = label_colors()
"""Colour of each of the six labels, and of unknown residues."""


def letter_color(label: str, scheme: LabelScheme = SIX) -> str:
    """Return the colour of letters on the colour of a label, the one with the higher contrast."""
    back = _luminance(label_colors(scheme)[label])
    dark, light = ((_luminance(color) + 0.05) for color in (_DARK, _LIGHT))
    return _LIGHT if light / (back + 0.05) > (back + 0.05) / dark else _DARK


def _luminance(color: str) -> float:
    """Return the relative luminance of a colour ``#RRGGBB``, as WCAG 2 defines it."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
