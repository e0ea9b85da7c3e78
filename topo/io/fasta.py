"""FASTA, and the policy on sequences and ids of all record formats.

- Residues are upper-cased. All letters A to Z are kept; those that are not one of the 20 standard
  residues (``U O B Z J X``) counts as unknown in the model. White space in a sequence is dropped.
- One ``*`` at the end of a sequence is dropped. A ``*`` elsewhere, a digit, an alignment gap
  (``-`` or ``.``) or any other symbol is an error that names file, line and position.
- The id is the first word of the header, pipes and all; the whole header is kept as
  ``metadata["description"]``. A header without a word is an error.
- Ids may repeat: every record is kept, and one warning names the lines.
- Blank lines, CRLF or CR line ends, a byte-order mark, gzip and lines that begin with ``;`` are
  accepted, and bytes that are not UTF-8 in a header.
- A record without residues and a file without records are errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike

from topo.errors import InputError, printable
from topo.io.files import open_text, output_text, source_name
from topo.io.lines import Lines
from topo.io.records import clean_residues, finish_records
from topo.protein import Protein

_WIDTH = 60


def read_fasta(path: str | PathLike[str]) -> Iterator[Protein]:
    """Read FASTA records one by one (the module's docstring states the policy).

    Parameters
    ----------
    path
        Path to a file, plain or gzip, or ``-`` for standard input.

    Yields
    ------
    Protein
        Without labels; ``metadata["description"]`` holds the header.

    Raises
    ------
    InputError
        If the file cannot be read or breaks the policy.
    """
    with open_text(path) as stream:
        yield from parse_fasta(Lines(source_name(path), stream, raw=True))


def parse_fasta(lines: Lines) -> Iterator[Protein]:
    """Parse the lines of a FASTA file; see :func:`read_fasta`."""
    return finish_records(_records(lines), lines.source)


def parse_header(header: str, source: str, line: int) -> str:
    """Return the id in a header (without its ``>``): the first word.

    Raises
    ------
    InputError
        If there is no word.
    """
    words = header.split(None, 1)
    if not words:
        raise InputError(source, "found a header without an id, expected '>id'", line)
    return words[0]


def write_fasta(proteins: Iterable[Protein], path: str | PathLike[str]) -> None:
    """Write FASTA, 60 residues a line; the header is the description, or else the id.

    Raises
    ------
    TopoError
        If the file cannot be written.
    """
    with output_text(path) as stream:
        for protein in proteins:
            stream.write(f">{_header(protein)}\n{wrapped(protein.sequence)}")


def wrapped(sequence: str) -> str:
    """Break a sequence into lines of 60 residues, each with its line end."""
    starts = range(0, len(sequence), _WIDTH)
    return "".join([f"{sequence[start : start + _WIDTH]}\n" for start in starts])


def _header(protein: Protein) -> str:
    description = printable(" ".join(str(protein.metadata.get("description", "")).split()))
    if description.split(" ", 1)[0] == protein.id:
        return description
    return f"{protein.id} {description}".rstrip()


def _records(lines: Lines) -> Iterator[tuple[str, Protein]]:
    """Yield each record with the place of its header."""
    source, header_line, header, record = lines.source, 0, "", ""
    parts: list[str] = []
    length, stopped = 0, False
    for raw in lines:
        line = raw.strip()
        if not line or line[0] == ";":
            continue
        if line[0] == ">":
            if record:
                yield _record(parts, source, header_line, header, record)
            header_line, header = lines.number, line[1:].strip()
            record = parse_header(header, source, header_line)
            parts, length, stopped = [], 0, False
            continue
        if not record:
            lines.fail(f"found {line[:20]!r}, expected a '>' header")
        if stopped:  # residues after a '*', which the check reports
            line = "*" + line
        elif line[-1] == "*":
            line, stopped = line[:-1], True
        parts.append(clean_residues(line, source, lines.number, record, length))
        length += len(parts[-1])
    if record:
        yield _record(parts, source, header_line, header, record)


def _record(
    parts: list[str], source: str, line: int, header: str, record: str
) -> tuple[str, Protein]:
    sequence = "".join(parts)
    if not sequence:
        raise InputError(source, f"{record} has no residues", line)
    return f"line {line}", Protein(record, sequence, metadata={"description": header})
