"""Reader of TMHMM 2's short format; :mod:`topo.io.tmhmm` describes it.

The file has the length of each protein, its helices and the sides between them. The sequence is
not in the file; it is ``X`` throughout. A signal peptide is not in the format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from topo.io.lines import Lines
from topo.labels import protein_type
from topo.protein import Prediction

PATTERN = r"\S+\s+len=\d+\s"
"""Start of a line in this format."""

_FIELD = re.compile(r"(len|Topology)=(\S*)")
_TOPOLOGY = re.compile(r"[io](\d+-\d+[io])*")
_EXPECTED = "expected e.g. i10-29o38-60i"


def parse_tmhmm(lines: Lines) -> Iterator[Prediction]:
    """Parse lines ``ID len=N ... Topology=i10-29o``.

    Raises
    ------
    InputError
        If a line has another layout, or its segments overlap or exceed the length.
    """
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.strip().partition("\t" if "\t" in line else " ")
        fields = dict(_FIELD.findall(rest))
        if fields.keys() != {"len", "Topology"}:
            lines.fail(f"found no len= and Topology= of {name[:40]}, expected both")
        length = lines.place(fields["len"], "length")
        lines.declare(length, name)
        labels = _labels(lines, fields["Topology"], length)
        yield Prediction(name, "X" * length, labels, protein_type(labels))


def _labels(lines: Lines, topology: str, length: int) -> str:
    """Return the letters of ``i10-29o``, as many as the protein has residues."""
    if not _TOPOLOGY.fullmatch(topology):
        lines.fail(f"Topology: found {topology[:40]!r}, {_EXPECTED}")
    sides, parts, done = re.findall(r"[io]", topology), [], 0
    helices = re.findall(r"(\d+)-(\d+)", topology)
    for side, (first, last) in zip(sides, helices, strict=False):
        start, end = lines.place(first, "start") - 1, lines.place(last, "end")
        if not done <= start < end <= length:
            lines.fail(f"found helix {first}-{last}, expected it after {done} and within {length}")
        parts.append(side.upper() * (start - done) + "M" * (end - start))
        done = end
    return "".join(parts) + sides[-1].upper() * (length - done)
