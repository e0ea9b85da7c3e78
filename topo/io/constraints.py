"""Tables of constraints on the topologies of proteins."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike

from topo.constraints import Constraint, parse_constraint
from topo.errors import ConfigError
from topo.io.files import open_text, source_name
from topo.io.lines import Lines

_COLUMNS = ["id", "first", "last", "what"]
_EMPTY = ("", ".", "-")


def read_constraints(path: str | PathLike[str]) -> dict[str, list[Constraint]]:
    """Read the constraints of each protein of a table, by id.

    The table has the columns id, first, last and what, separated by tabs. ``first`` and ``last``
    are residues, counted from 1; without ``last`` it is one residue. A constraint on the whole
    protein (``N-term:in``, ``type:TM``, ``segments:7``) has neither. A heading, blank lines and
    lines that begin with ``#`` are skipped.

    Raises
    ------
    InputError
        If the file cannot be read, or a line is malformed.
    """
    found: dict[str, list[Constraint]] = {}
    with open_text(path) as stream:
        lines = Lines(source_name(path), stream)
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            cells = [cell.strip() for cell in line.split("\t")]
            if [cell.lower() for cell in cells] == _COLUMNS:
                continue
            if len(cells) != len(_COLUMNS) or not cells[0]:
                lines.fail(
                    f"found {line[:80]!r}, expected id, first, last and what, separated by tabs"
                )
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
