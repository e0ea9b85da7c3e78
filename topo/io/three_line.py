"""3-line records: header (``>id | TYPE``), sequence, labels.

The policy on residues and ids is that of :mod:`topo.io.fasta`. The id is the first word of what
stands before the last `` | ``; the type in a header is kept as ``header_type`` and
never used as a target, since the labels decide. Labels are ``I O P S M B`` and ``-`` (unknown),
upper case, one for each residue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike

from topo.errors import InputError, TopoError
from topo.io.fasta import parse_header
from topo.io.files import open_text, output_text, source_name
from topo.io.records import check_labels, clean_sequence, finish_records
from topo.labels import UNKNOWN, protein_type
from topo.protein import Protein

SEPARATOR = " | "
_PARTS = ("header", "sequence", "labels")


def read_three_line(path: str | PathLike[str]) -> Iterator[Protein]:
    """Read 3-line records one by one.

    Parameters
    ----------
    path
        A file, plain or gzip, or ``-`` for standard input.

    Yields
    ------
    Protein
        With labels, ``metadata["description"]`` (the header) and, where the header has one,
        ``header_type``.

    Raises
    ------
    InputError
        If the file cannot be read, a line is missing, or labels and residues do not fit.
    """
    with open_text(path) as stream:
        yield from parse_three_line(enumerate(stream, 1), source_name(path))


def parse_three_line(
    lines: Iterable[tuple[int, str]], source: str, *, any_letter: bool = False
) -> Iterator[Protein]:
    """Parse numbered lines of 3-line records; see :func:`read_three_line`.

    With ``any_letter`` labels may be of other letters than ours.
    """
    return finish_records(_records(lines, source, any_letter), source)


def write_three_line(proteins: Iterable[Protein], path: str | PathLike[str]) -> None:
    """Write 3-line records; the header's type is the one that the labels leave, if it is one.

    Raises
    ------
    TopoError
        If a protein has no labels, or the file cannot be written.
    """
    with output_text(path) as stream:
        for protein in proteins:
            if protein.labels is None:
                raise TopoError(f"{protein.id} has no labels, which a 3-line record needs")
            kind = _type(protein)
            header = f"{protein.id}{SEPARATOR}{kind}" if kind else protein.id
            stream.write(f">{header}\n{protein.sequence}\n{protein.labels}\n")


def _type(protein: Protein) -> str | None:
    """Type for the header: the only one that the labels leave, or else what the header said."""
    labels = protein.labels or ""
    if UNKNOWN not in labels:
        return protein_type(labels) or protein.header_type
    from topo.grammar.legality import possible_types  # compiled code: only where a label is unknown

    types = possible_types(labels)
    return types[0] if len(types) == 1 else protein.header_type


def _records(
    lines: Iterable[tuple[int, str]], source: str, any_letter: bool
) -> Iterator[tuple[str, Protein]]:
    """Yield each record with the place of its header."""
    group: list[tuple[int, str]] = []
    for number, raw in lines:
        line = raw.strip()
        if not line:
            continue
        if line.startswith(">") != (not group):
            expected = "a '>' header" if not group else f"the {_PARTS[len(group)]} of {_id(group)}"
            raise InputError(source, f"found {line[:20]!r}, expected {expected}", number)
        group.append((number, line))
        if len(group) == len(_PARTS):
            yield f"line {group[0][0]}", _protein(group, source, any_letter)
            group = []
    if group:
        found = f"found the end of the file, expected the {_PARTS[len(group)]} of {_id(group)}"
        raise InputError(source, found, group[-1][0])


def _id(group: list[tuple[int, str]]) -> str:
    return (group[0][1][1:].split() or ["a record"])[0]


def _protein(group: list[tuple[int, str]], source: str, any_letter: bool) -> Protein:
    (header_line, header), (sequence_line, residues), (label_line, labels) = group
    before, separator, kind = header[1:].rpartition(SEPARATOR)
    record = parse_header(before if separator else kind, source, header_line)
    sequence = clean_sequence(residues, source, sequence_line, record)
    check_labels(labels, sequence, source, label_line, record, any_letter=any_letter)
    return Protein(
        record,
        sequence,
        labels,
        header_type=kind.strip() if separator else None,
        metadata={"description": header[1:].strip()},
    )
