"""Reader of Phobius' long format: ``ID`` lines, each followed by a feature table.

::

    ID   P15455
    FT   SIGNAL        1     24
    FT   DOMAIN        1      8       N-REGION.
    FT   TOPO_DOM     25    472       NON CYTOPLASMIC.
    //

The sequence is not in the file; it is ``X`` throughout. The regions of a signal peptide are part
of it. The short format has no length, so that it cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from topo.io.lines import Lines
from topo.labels import INSIDE, OUTSIDE, UNKNOWN, protein_type
from topo.protein import Prediction

PATTERN = r"ID\s+\S+\s*$"
"""First line of a record; that of Swiss-Prot has more words."""

_ROW = re.compile(r"FT\s+(\w+)\s+(\S+)\s+(\S+)\s*(.*)")
_SIDES = {"CYTOPLASMIC": INSIDE, "NON CYTOPLASMIC": OUTSIDE}


def parse_phobius(lines: Lines) -> Iterator[Prediction]:
    """Parse the records of a file.

    Raises
    ------
    InputError
        If a line has another layout, a segment is unknown, or segments overlap.
    """
    name, labels = None, ""
    for line in lines:
        if re.match(PATTERN, line):
            if name is not None:
                yield _prediction(lines, name, labels)
            name, labels = line.split()[1], ""
        elif line.startswith("FT") and name is not None:
            labels = _with_row(lines, line, labels)
        elif line.strip() and not line.startswith("//"):
            lines.fail(f"found {line[:20]!r}, expected a line ID, FT or //")
    if name is not None:
        yield _prediction(lines, name, labels)


def _prediction(lines: Lines, name: str, labels: str) -> Prediction:
    if not labels:
        lines.fail(f"found no segment of {name}, expected lines FT")
    return Prediction(name, "X" * len(labels), labels, protein_type(labels))


def _with_row(lines: Lines, line: str, labels: str) -> str:
    """Return the labels with those of a row."""
    found = _ROW.fullmatch(line.rstrip())
    if found is None:
        lines.fail(f"found {line[:40]!r}, expected FT, segment, start and end")
    word, first, last, note = found.groups()
    if word == "DOMAIN":  # a region of the signal peptide
        return labels
    letter = {"SIGNAL": "S", "TRANSMEM": "M"}.get(word)
    if word == "TOPO_DOM":
        letter = _SIDES.get(note.strip().rstrip("."))
    if letter is None:
        lines.fail(f"found segment {word} {note}".rstrip()[:60] + ", expected one of Phobius")
    start, end = lines.place(first, "start") - 1, lines.place(last, "end")
    if not len(labels) <= start < end:
        lines.fail(f"found residues {first}-{last}, expected them after {len(labels)}")
    lines.declare(end - len(labels), "")
    return labels + UNKNOWN * (start - len(labels)) + letter * (end - start)
