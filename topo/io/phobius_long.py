"""Phobius' long format: a feature table for each protein.

Phobius knows signal peptides and helices: strands and periplasm are ``NON CYTOPLASMIC``, as in its
short format. The regions of a signal peptide are those of :mod:`topo.io.signal_regions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.io.signal_regions import signal_regions
from topo.labels import HELIX, INSIDE, OUTSIDE, PERIPLASM, SIGNAL, STRAND, UNKNOWN, protein_type
from topo.protein import Prediction

DOMAINS = {INSIDE: "CYTOPLASMIC.", OUTSIDE: "NON CYTOPLASMIC."}
_LETTERS = {"CYTOPLASMIC": INSIDE, "NON CYTOPLASMIC": OUTSIDE}
_AS_OUTSIDE = str.maketrans(dict.fromkeys((PERIPLASM, STRAND), OUTSIDE))
_ROW = re.compile(r"FT\s+(SIGNAL|DOMAIN|TOPO_DOM|TRANSMEM)\s+(\S+)\s+(\S+)\s*(.*)")
_REGION = re.compile(r"[NHC]-REGION\.?")


def phobius_long_record(prediction: Prediction) -> str:
    """Format the feature table of one protein, which ends with ``//``."""
    rows = [f"ID   {plain_id(prediction.id)}\n"]
    labels, start = prediction.labels.translate(_AS_OUTSIDE), 0
    for label, run in groupby(labels):
        end = start + len(list(run))
        if label == SIGNAL:
            rows.append(_row("SIGNAL", start + 1, end))
            for name, first, last in signal_regions(prediction.sequence[start:end]):
                rows.append(_row("DOMAIN", start + first, start + last, f"{name.upper()}-REGION."))
        elif label == HELIX:
            rows.append(_row("TRANSMEM", start + 1, end))
        elif label != UNKNOWN:
            rows.append(_row("DOMAIN", start + 1, end, DOMAINS[label]))
        start = end
    return "".join([*rows, "//\n"])


def _row(key: str, first: int, last: int, note: str = "") -> str:
    return f"FT   {key:<8} {first:>6} {last:>6}       {note}".rstrip() + "\n"


def is_phobius_long(lines: Lines) -> bool:
    """Recognise a table by its first two lines; entries of Swiss-Prot have more on the first."""
    head = lines.peek(2)
    is_name = len(head) == 2 and re.match(r"ID\s+\S+\s*$", head[0]) is not None
    return is_name and head[1].startswith("FT ")


def parse_phobius_long(lines: Lines) -> Iterator[Prediction]:
    """Parse feature tables; the sequence, which they lack, is ``X`` throughout.

    The last feature ends the protein. Residues without a feature are unknown.
    """
    name, labels = "", ""
    for line in lines:
        if line.startswith("ID"):
            if name:
                lines.fail(f"found another ID, expected // after {name}")
            name, labels = line[2:].strip(), ""
            if len(name.split()) != 1:
                lines.fail(f"found ID {name[:40]!r}, expected one word")
        elif line.startswith("//"):
            if not name:
                lines.fail("found //, expected ID")
            if not labels:
                lines.fail(f"found no row of {name}, expected SIGNAL, DOMAIN, TOPO_DOM or TRANSMEM")
            yield Prediction(name, "X" * len(labels), labels, protein_type(labels))
            name = ""
        elif line.strip():
            if not name:
                lines.fail(f"found {line[:20]!r}, expected ID")
            labels += _labels(lines, line, name, len(labels))
    if name:
        lines.fail(f"found the end of the file, expected // after {name}")


def _labels(lines: Lines, line: str, name: str, done: int) -> str:
    """Return the labels that a row adds after ``done`` residues."""
    found = _ROW.fullmatch(line)
    if found is None:
        lines.fail(f"found {line[:40]!r}, expected a row SIGNAL, DOMAIN, TOPO_DOM or TRANSMEM")
    key, first, last, note = found.groups()
    if key == "DOMAIN" and _REGION.fullmatch(note):
        return ""
    letter = {"SIGNAL": SIGNAL, "TRANSMEM": HELIX}.get(key) or _LETTERS.get(note.rstrip("."))
    if letter is None:
        lines.fail(f"found domain {note[:40]!r}, expected CYTOPLASMIC or NON CYTOPLASMIC")
    start, end = lines.place(first, "start") - 1, lines.place(last, "end")
    if not done <= start < end:
        lines.fail(f"found residues {first}-{last} of {name}, expected them after {done}")
    lines.declare(end - done, name)
    return UNKNOWN * (start - done) + letter * (end - start)
