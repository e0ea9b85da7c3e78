"""Parts of a page that shows one protein: HTML, script and style, without data.

The offline report and other pages are composed of the same parts. The panel draws a document
(:func:`topo.report.document.protein_document`) by the JavaScript function ``showProtein``. Its
script has no inline handlers and its HTML no style attributes, so that both work under a
content-security policy that allows scripts and styles by file or by hash only.
"""

from __future__ import annotations

import html
import json

from topo.labels import LABEL_NAMES, LABELS, TYPES, UNKNOWN
from topo.report.palette import LABEL_COLORS, letter_color
from topo.report.snake.parts import SIZES
from topo.report.template import asset

_PANEL = (
    "base.js",
    "export.js",
    "answer.js",
    "sequence.js",
    "traces.js",
    "snake.js",
    "structure.js",
    "protein.js",
)
_LIST = ("data.js", "table.js", "main.js")
_TYPE_NAMES = {
    "TM": "helical membrane protein",
    "SP+TM": "helical membrane protein with signal peptide",
    "SP": "secreted protein with signal peptide",
    "GLOB": "soluble protein",
    "BETA": "outer-membrane barrel",
}


def panel_html() -> str:
    """Return the HTML of the panel."""
    return asset("protein.html").rstrip("\n")


def panel_style() -> str:
    """Return the CSS of the panel, which follows the common style."""
    return asset("protein.css")


def panel_script() -> str:
    """Return the JavaScript of the panel; it defines ``showProtein(document)``."""
    constants = {
        "COLORS": LABEL_COLORS,
        "INKS": {label: letter_color(label) for label in (*LABELS, UNKNOWN)},
        "NAMES": LABEL_NAMES,
        "LABELS": "".join(LABELS),
        "TYPE_NAMES": {name: _TYPE_NAMES[name] for name in TYPES},
        "SIZES": SIZES,
    }
    lines = [f"const {name} = {json.dumps(value)};" for name, value in constants.items()]
    return "\n".join([*lines, *map(asset, _PANEL)])


def list_script() -> str:
    """Return the JavaScript of the list of proteins, which follows that of the panel."""
    return "\n".join(map(asset, _LIST))


def viewer_script() -> str:
    """Return 3Dmol.js with its licence and those of the programs that it contains."""
    texts = "\n".join(asset(f"3Dmol-{name}.txt") for name in ("LICENSE", "THIRD-PARTY"))
    return f"/*!\n{texts.replace('*/', '* /')}*/\n{asset('3Dmol-min.js')}\n"


def color_key() -> str:
    """Return a list of the labels; the style gives each its colour by ``data-label``."""
    items = "".join(
        f'<li><i data-label="{label}"></i>{html.escape(LABEL_NAMES[label])}</li>'
        for label in LABELS
    )
    return f'<ul class="key" aria-label="Colours of the labels">{items}</ul>'


def color_style() -> str:
    """Return CSS rules that give elements with ``data-label`` the colour of the label."""
    return "\n".join(
        f'[data-label="{label}"] {{ background: {color}; color: {letter_color(label)}; }}'
        for label, color in LABEL_COLORS.items()
    )
