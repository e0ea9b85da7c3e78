"""Notations of variants: HGVS protein substitutions, and tables with the columns of VCF.

Read are ``p.Leu42Pro`` and ``p.L42P``, with an asterisk or ``Ter`` in the place of the new residue
for a stop. HGVS libraries read far more than this and need reference data of genomes.
"""

from __future__ import annotations

import re
from os import PathLike
from typing import NoReturn

from topo.errors import TopoError
from topo.io.files import open_text, source_name
from topo.io.ids import plain_id
from topo.io.lines import Lines
from topo.protein import Protein
from topo.variants.changes import NAMES, Variant, substitution, truncated

_HGVS = re.compile(
    r"p\.(?:([A-Z][a-z]{2})([1-9][0-9]{0,8})([A-Z][a-z]{2})|([A-Z])([1-9][0-9]{0,8})([A-Z*]))"
)
_LETTERS = {name: letter for letter, name in NAMES.items()} | {"Ter": "*"}
_STOP = "*"
_POSITION = re.compile("0*[1-9][0-9]{0,8}")
_COLUMNS = ("POS", "REF", "ALT")


def parse_variant(text: str, protein: Protein) -> Variant:
    """Parse a substitution or a stop in HGVS protein notation.

    Parameters
    ----------
    text
        Notation, such as ``p.Leu42Pro``, ``p.L42P`` or ``p.Trp24Ter``.
    protein
        Protein that the variant is one of.

    Raises
    ------
    TopoError
        If the notation is another one, or does not fit the protein.
    """
    match = _HGVS.fullmatch(text)
    if match is None:
        _refuse(text)
    reference, position, alternate = [group for group in match.groups() if group]
    letters = [_LETTERS.get(name, name) for name in (reference, alternate)]
    if any(len(letter) > 1 for letter in letters) or letters[0] == _STOP:
        _refuse(text)
    return _variant(text, protein, int(position), letters[0], letters[1])


def read_variants(path: str | PathLike[str], protein: Protein) -> list[Variant]:
    """Read a file of variants of one protein.

    The file is a list of substitutions in HGVS notation, one per line, or a table separated by
    tabs whose first line names at least the columns POS, REF and ALT, as in a VCF file; the column
    CHROM, if there is one, holds the id of the protein. Positions count from 1. Blank lines and
    lines that begin with ``##`` are skipped, in a list also lines that begin with ``#``.

    Raises
    ------
    InputError
        If the file cannot be read, or a line is malformed or does not fit the protein; the message
        names the line.
    """
    found = []
    columns: dict[str, int] | None = None
    with open_text(path) as stream:
        lines = Lines(source_name(path), stream)
        for line in lines:
            if not line.strip() or line.startswith("##"):
                continue
            cells = [cell.strip() for cell in line.split("\t")]
            if not found and columns is None and len(cells) > 1:
                columns = _columns(cells, lines)
                continue
            if columns is None and line.startswith("#"):
                continue
            try:
                if columns is None:
                    found.append(parse_variant(line.strip(), protein))
                else:
                    found.append(_of_row(cells, columns, protein))
            except TopoError as error:
                lines.fail(str(error))
        if not found:
            lines.fail("holds no variants", None)
    return found


def _columns(cells: list[str], lines: Lines) -> dict[str, int]:
    names = {cell.lstrip("#").upper(): index for index, cell in enumerate(cells)}
    if missing := [name for name in _COLUMNS if name not in names]:
        lines.fail(f"found a first line without {missing[0]}, expected the columns POS, REF, ALT")
    return names


def _of_row(cells: list[str], columns: dict[str, int], protein: Protein) -> Variant:
    if len(cells) < len(columns):
        raise TopoError(f"found {len(cells)} columns, expected {len(columns)}")
    position, reference, alternate = (cells[columns[name]] for name in _COLUMNS)
    if "CHROM" in columns and cells[columns["CHROM"]] not in (protein.id, plain_id(protein.id)):
        raise TopoError(f"found protein {cells[columns['CHROM']]!r}, expected {protein.id}")
    if not _POSITION.fullmatch(position):
        raise TopoError(f"found position {position[:40]!r}, expected a number from 1")
    for residue in (reference, alternate):
        if residue.upper() not in NAMES and not (residue == _STOP and residue is alternate):
            raise TopoError(f"found residue {residue!r}, expected one letter")
    text = f"{reference}{position}{alternate}"
    return _variant(text, protein, int(position), reference.upper(), alternate.upper())


def _variant(text: str, protein: Protein, position: int, reference: str, alternate: str) -> Variant:
    if position > len(protein):
        raise TopoError(f"{text}: found position {position}, {protein.id} has {len(protein)}")
    if protein.sequence[position - 1] != reference:
        raise TopoError(
            f"{text}: found reference residue {reference}, {protein.id} has "
            f"{protein.sequence[position - 1]} at {position}"
        )
    if alternate == reference:
        raise TopoError(f"{text}: found the same residue twice, expected a substitution")
    if alternate != _STOP:
        return substitution(protein.sequence, position, alternate)
    if position == 1:
        raise TopoError(f"{text}: found a stop at the first residue, nothing is left")
    return truncated(protein, 1, position - 1)


def _refuse(text: str) -> NoReturn:
    raise TopoError(f"found variant {text!r}, expected one like p.Leu42Pro or p.L42P")
