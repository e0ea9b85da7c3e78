"""Parts of a page that shows one protein: HTML, script and style, without data.

The offline report and other pages are composed of the same parts. The panel draws a document
(:func:`topo.report.document.protein_document`) by the JavaScript function ``showProtein``. Its
script has no inline handlers and its HTML no style attributes, so that both work under a
content-security policy that allows scripts and styles by file or by hash only.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence

from topo.labels import MEMBRANE, SIGNAL, STRAND
from topo.labels.scheme import SIDE, SIX, LabelScheme
from topo.report.palette import label_colors, label_names, letter_color
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


_SHORT = 6
"""Longest name of a type that the common style has room for."""


def panel_html(scheme: LabelScheme = SIX) -> str:
    """Return the HTML of the panel."""
    return without_membrane(asset("protein.html"), scheme).rstrip("\n")


def without_membrane(text: str, scheme: LabelScheme) -> str:
    """Return a text of a page without its words on membranes where a scheme has no such labels."""
    if scheme.is_mapped:
        return text
    return text.replace("Through the membrane", "Chain").replace("Membrane segments", "Segments")


def panel_style() -> str:
    """Return the CSS of the panel, which follows the common style."""
    return asset("protein.css")


def panel_script(scheme: LabelScheme = SIX) -> str:
    """Return the JavaScript of the panel; it defines ``showProtein(document)``.

    The documents must have the labels of the scheme.
    """
    colors = label_colors(scheme)
    constants = {
        "COLORS": colors,
        "INKS": {label: letter_color(label, scheme) for label in colors},
        "NAMES": label_names(scheme),
        "LABELS": "".join(scheme.letters),
        "TYPE_NAMES": {name: _TYPE_NAMES.get(name, name) for name in scheme.type_names},
        "SIZES": SIZES,
    }
    lines = [f"const {name} = {json.dumps(value)};" for name, value in constants.items()]
    return "\n".join([*lines, *_scripts(_PANEL, scheme)])


def list_script(scheme: LabelScheme = SIX) -> str:
    """Return the JavaScript of the list of proteins, which follows that of the panel."""
    return "\n".join(_scripts(_LIST, scheme))


def _scripts(names: Sequence[str], scheme: LabelScheme) -> list[str]:
    """Return script files whose ``{{NAME}}`` are conditions on the labels of a scheme.

    Labels of a scheme that is not mapped to the six are drawn alike, and are all counted.
    """
    mapped = scheme.is_mapped
    membrane, signal, strand = (
        [x for x in scheme.letters if x in scheme.alike(*six)]
        for six in (MEMBRANE, (SIGNAL,), (STRAND,))
    )
    middle = [x for x in scheme.letters if x in scheme.alike(SIGNAL, SIDE)]
    numbers = " + ".join(f'number("{letter}")' for letter in membrane) or "0"
    first = [f'segments[0].label === "{letter}"' for letter in signal]
    conditions = {
        "letters": "".join(scheme.letters) + "-",
        "crosses": _any(f's.label === "{letter}"' for letter in membrane),
        "enters": _any(f's.label === "{letter}"' for letter in middle) if mapped else "true",
        "begins": first[0] if len(first) == 1 else f"({_any(first)})",
        "number": numbers if mapped else "segments.length",
        "mature": _any(f'protein.topology.startsWith("{letter}")' for letter in signal),
        "barrel": _any(f'protein.topology.includes("{letter}")' for letter in strand),
        "column": " && ".join(f'label !== "{letter}"' for letter in signal) or "true",
    }
    texts = []
    for name in names:
        text = asset(name)
        for key, condition in conditions.items():
            text = text.replace(f"{{{{{key}}}}}", condition)
        texts.append(text)
    return texts


def _any(conditions: Iterable[str]) -> str:
    return " || ".join(conditions) or "false"


def viewer_script() -> str:
    """Return 3Dmol.js with its licence and those of the programs that it contains."""
    texts = "\n".join(asset(f"3Dmol-{name}.txt") for name in ("LICENSE", "THIRD-PARTY"))
    return f"/*!\n{texts.replace('*/', '* /')}*/\n{asset('3Dmol-min.js')}\n"


def color_key(scheme: LabelScheme = SIX) -> str:
    """Return a list of the labels; the style gives each its colour by ``data-label``."""
    items = "".join(
        f'<li><i data-label="{label.letter}"></i>{html.escape(label.name)}</li>'
        for label in scheme.labels
    )
    return f'<ul class="key" aria-label="Colours of the labels">{items}</ul>'


def color_style(scheme: LabelScheme = SIX) -> str:
    """Return CSS rules that give elements with ``data-label`` the colour of the label.

    Those of a scheme with long names of types have wider columns for them.
    """
    rules = [
        f'[data-label="{label}"] {{ background: {color}; color: {letter_color(label, scheme)}; }}'
        for label, color in label_colors(scheme).items()
    ]
    if (longest := max(map(len, scheme.type_names))) > _SHORT:
        width = min(0.72 * longest, 14)
        rules.append(f"#type-bars li {{ grid-template-columns: {width:.1f}em 1fr 5.6em; }}")
    return "\n".join(rules)
