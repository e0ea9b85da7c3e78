"""Files of constraints on the topologies of proteins: tables, GFF3 and Swiss-Prot records."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike

from topo.constraints import Constraint, parse_constraint
from topo.errors import ConfigError, TopoError
from topo.io.feature_constraints import parse_feature_constraints
from topo.io.files import open_text, source_name
from topo.io.lines import Lines

CONSTRAINT_FORMATS = ("auto", "table", "gff3", "swissprot")
"""Formats of files of constraints; ``auto`` is the one that the first lines show."""

_COLUMNS = ["id", "first", "last", "what"]
_GFF3_TABS = 8
_EMPTY = ("", ".", "-")


def read_constraints(path: str | PathLike[str], form: str = "auto") -> dict[str, list[Constraint]]:
    """Read the constraints of each protein of a file, by id.

    Features of GFF3 and Swiss-Prot files become constraints by the rules of
    :mod:`topo.io.feature_constraints`. A table has the columns id, first, last and what, separated
    by tabs. ``first`` and ``last`` are residues, counted from 1; without ``last`` it is one
    residue. A constraint on the whole protein (``N-term:in``, ``type:TM``, ``segments:7``) has
    neither. A heading, blank lines and lines that begin with ``#`` are skipped.

    Parameters
    ----------
    path
        Path to the file, plain or gzip.
    form
        One of :data:`CONSTRAINT_FORMATS`.

    Raises
    ------
    TopoError
        If the format is unknown, the file cannot be read, or a line is malformed.
    """
    if form not in CONSTRAINT_FORMATS:
        expected = ", ".join(CONSTRAINT_FORMATS)
        raise TopoError(f"found format of constraints {form!r}, expected one of {expected}")
    with open_text(path) as stream:
        lines = Lines(source_name(path), stream)
        form = _recognise(lines) if form == "auto" else form
        return _parse_table(lines) if form == "table" else parse_feature_constraints(lines, form)


def _recognise(lines: Lines) -> str:
    """Return the format that the coming lines show; a row of GFF3 has nine columns."""
    for line in lines.ahead():
        if line.startswith("ID   "):
            return "swissprot"
        if line.startswith("##gff-version"):
            return "gff3"
        if line.strip() and not line.startswith("#"):
            return "gff3" if line.count("\t") >= _GFF3_TABS else "table"
    return "table"


def _parse_table(lines: Lines) -> dict[str, list[Constraint]]:
    """Return the constraints of a table by id."""
    found: dict[str, list[Constraint]] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if [cell.lower() for cell in cells] == _COLUMNS:
            continue
        if len(cells) != len(_COLUMNS) or not cells[0]:
            lines.fail(f"found {line[:80]!r}, expected id, first, last and what, separated by tabs")
        try:
            constraint = parse_constraint(_text(cells))
        except ConfigError as error:
            lines.fail(str(error))
        place = f"{lines.source}:{lines.number}"
        found.setdefault(cells[0], []).append(replace(constraint, place=place))
    return found


def _text(cells: list[str]) -> str:
    """Constraint of a row as :func:`topo.constraints.parse_constraint` takes it."""
    first, last = ("" if cell in _EMPTY else cell for cell in cells[1:3])
    if not first and not last:
        return cells[3]
    return f"{first}-{last}:{cells[3]}" if last else f"{first}:{cells[3]}"
