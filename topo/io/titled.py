"""Records with a line that is no sequence: PIR titles, and labels of another alphabet.

Sequences are read, titles become part of the description, labels are dropped with a warning. The
policy on residues and ids is that of :mod:`topo.io.fasta`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from topo.errors import InputError, InputWarning
from topo.io.fasta import COMMENTS, parse_header
from topo.io.layout import PIR_HEADER, split_labels
from topo.io.lines import Lines
from topo.io.records import Fault, clean_sequence, finish_records
from topo.protein import Protein

_LETTERS_SHOWN = 12


class _Block:
    """Header and lines of a record."""

    def __init__(self, header: str, line: int) -> None:
        self.header, self.line = header, line
        self.body: list[str] = []


def parse_pir(lines: Lines) -> Iterator[Protein]:
    """Parse the lines of a PIR file: header ``>P1;id``, title, sequence that ends in ``*``.

    A line of residues in the place of the title is taken as residues.
    """
    warnings.warn(f"{lines.source}: read as PIR", InputWarning, stacklevel=2)
    blocks = ((block, *_titled(block)) for block in _blocks(lines, blank=True))
    records = (
        (f"line {block.line}", _record(lines, block, header, body))
        for block, header, body in blocks
    )
    return finish_records(records, lines.source, lines.policy)


def parse_labelled(lines: Lines) -> Iterator[Protein]:
    """Parse records with labels of another alphabet; only the sequences are kept.

    A record without labels is read as FASTA.
    """
    return finish_records(_labelled(lines), lines.source, lines.policy)


def _labelled(lines: Lines) -> Iterator[tuple[str, Protein | Fault]]:
    letters: dict[str, None] = {}
    for block in _blocks(lines):
        sequence, labels = split_labels(block.body) or ("".join(block.body), "")
        if len(letters) < _LETTERS_SHOWN:
            letters |= dict.fromkeys(labels)
        yield f"line {block.line}", _record(lines, block, block.header, [sequence])
    shown = " ".join(list(letters)[:_LETTERS_SHOWN])
    found = f"records have lines of labels in another alphabet ({shown})"
    warnings.warn(
        f"{lines.source}: {found}; only their sequences are read", InputWarning, stacklevel=3
    )


def _blocks(lines: Lines, *, blank: bool = False) -> Iterator[_Block]:
    """Yield the records; blank lines are kept if ``blank``."""
    block: _Block | None = None
    for raw in lines:
        line = raw.strip()
        if line.startswith(">"):
            if block:
                yield block
            block = _Block(line[1:].strip(), lines.number)
        elif block and ((line and line[0] != ";") or (blank and not block.body)):
            block.body.append(line)
        elif not block and line and line[0] not in COMMENTS:
            lines.fail(f"found {line[:20]!r}, expected a '>' header")
    if block:
        yield block


def _titled(block: _Block) -> tuple[str, list[str]]:
    """Return the header with its title, without the kind of molecule, and the residues."""
    header = block.header
    if PIR_HEADER.match(f">{header}"):
        header = header.partition(";")[2].strip()
    body = block.body
    if body and not _is_residues(body[0]):
        header, body = f"{header} {body[0]}".strip(), body[1:]
    end = next((at for at, line in enumerate(body, 1) if line.endswith("*")), len(body))
    return header, body[:end]  # lines of annotation may follow


def _is_residues(line: str) -> bool:
    """Return whether a line is residues; a title has lower case, blanks or digits."""
    line = line.removesuffix("*")
    return line.isascii() and line.isalpha() and line.isupper()


def _record(lines: Lines, block: _Block, header: str, body: list[str]) -> Protein | Fault:
    name = ""
    try:
        name = parse_header(header, lines.source, block.line)
        mask = lines.policy.mask_stops
        sequence = clean_sequence("".join(body), lines.source, block.line, name, mask_stops=mask)
    except InputError as error:
        return Fault.of(name, error, lines.source)
    return Protein(name, sequence, metadata={"description": header})
