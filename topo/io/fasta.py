"""FASTA, and the policy on sequences and ids of all record formats.

- Residues are upper-cased. All letters A to Z are kept; those that are not one of the 20 standard
  residues (``U O B Z J X``) counts as unknown in the model. White space in a sequence is dropped.
- One ``*`` at the end of a sequence, or ``.`` as gffread writes it, is dropped. A ``*`` elsewhere,
  a digit, an alignment gap (``-`` or ``.``) or any other symbol is an error that names file, line
  and position. :class:`topo.io.records.RecordPolicy` can mask stops and leave faulty records out.
- The id is the first word of the header, pipes and all; the whole header is kept as
  ``metadata["description"]``. A header without a word is an error.
- Ids may repeat: every record is kept, and one warning names the lines.
- Blank lines, CRLF or CR line ends, a byte-order mark, UTF-16, gzip, bzip2, xz and lines that begin
  with ``;`` are accepted, before the first header also lines that begin with ``#`` or ``!``, and
  bytes that are not UTF-8 in a header.
- A record without residues and a file without records are errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike

from topo.errors import InputError
from topo.io.files import open_text, output_text, source_name
from topo.io.lines import Lines
from topo.io.records import STOPS, Fault, clean_residues, finish_records, masked
from topo.protein import Protein

COMMENTS = ";#!"
"""First characters of comments before the first header."""

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
    return finish_records(_records(lines), lines.source, lines.policy)


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
    description = " ".join(str(protein.metadata.get("description", "")).split())
    if description.split(" ", 1)[0] == protein.id:
        return description
    return f"{protein.id} {description}".rstrip()


def _records(lines: Lines) -> Iterator[tuple[str, Protein | Fault]]:
    """Yield each record with the place of its header."""
    record: _Record | None = None
    for raw in lines:
        line = raw.strip()
        if not line or line[0] == ";":
            continue
        if line[0] == ">":
            if record:
                yield record.place, record.finish()
            record = _Record(line[1:].strip(), lines)
        elif record:
            record.add(line, lines.number)
        elif line[0] not in COMMENTS:
            lines.fail(f"found {line[:20]!r}, expected a '>' header")
    if record:
        yield record.place, record.finish()


class _Record:
    """A record while its lines are read."""

    def __init__(self, header: str, lines: Lines) -> None:
        self.place = f"line {lines.number}"
        self._header, self._line, self._source = header, lines.number, lines.source
        self._mask = lines.policy.mask_stops
        self._parts: list[str] = []
        self._length, self._stop, self._id = 0, "", ""
        self._fault: Fault | None = None
        try:
            self._id = parse_header(header, lines.source, lines.number)
        except InputError as error:
            self._fault = Fault.of("", error, lines.source)

    def add(self, line: str, number: int) -> None:
        """Add a line of residues."""
        if self._fault:
            return
        line, self._stop = self._stop + line, ""  # a stop before residues is checked with them
        if line[-1] in STOPS:
            line, self._stop = line[:-1], line[-1]
        if self._mask:
            line = masked(line)
        try:
            part = clean_residues(line, self._source, number, self._id, self._length)
        except InputError as error:
            self._fault = Fault.of(self._id, error, self._source)
            self._parts.clear()
            return
        self._parts.append(part)
        self._length += len(part)

    def finish(self) -> Protein | Fault:
        """Return the protein, or the first fault of the record."""
        sequence = "".join(self._parts)
        if self._fault or sequence:
            described = {"description": self._header}
            return self._fault or Protein(self._id, sequence, metadata=described)
        return Fault(self._id, self._line, f"{self._id} has no residues", self._source)
