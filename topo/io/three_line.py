"""3-line records: header (``>id | TYPE``), sequence, labels.

The policy on residues and ids is that of :mod:`topo.io.fasta`. The id is the first word of the
header, up to the last `` | ``. The type in a header is kept as ``header_type`` and
never used as a target, because the labels determine it. Labels are ``I O P S M B`` and ``-``
(unknown), upper case, one for each residue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from typing import NamedTuple

from topo.errors import InputError, TopoError
from topo.io.alphabets import TOPO, Alphabet, translate
from topo.io.fasta import COMMENTS, parse_header
from topo.io.files import open_text, output_text, source_name
from topo.io.ids import plain_id
from topo.io.layout import SEPARATOR
from topo.io.lines import Lines
from topo.io.records import Fault, check_labels, clean_sequence, finish_records, without_final_stop
from topo.labels import UNKNOWN
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction, Protein

_PARTS = ("header", "sequence", "labels")


def read_three_line(path: str | PathLike[str], scheme: LabelScheme = SIX) -> Iterator[Protein]:
    """Read 3-line records one by one.

    Parameters
    ----------
    path
        Path to a file, plain or gzip, or ``-`` for standard input.
    scheme
        Scheme of the labels.

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
        yield from parse_three_line(Lines(source_name(path), stream, raw=True), scheme=scheme)


def parse_three_line(
    lines: Lines,
    *,
    any_letter: bool = False,
    stops: bool = False,
    alphabet: Alphabet = TOPO,
    scheme: LabelScheme = SIX,
) -> Iterator[Protein]:
    """Parse the lines of 3-line records; see :func:`read_three_line`.

    Parameters
    ----------
    lines
        Lines of the file.
    any_letter
        Whether the labels may be letters that the alphabet does not know; they are kept.
    stops
        Whether ``*`` in a sequence is an unknown residue.
    alphabet
        Letters of the labels, which are converted to those of topo.
    scheme
        Scheme of the labels.
    """
    rule = _Rule(any_letter, stops or lines.policy.mask_stops, alphabet, scheme)
    return finish_records(_records(lines, rule), lines.source, lines.policy)


def write_three_line(
    proteins: Iterable[Protein], path: str | PathLike[str], scheme: LabelScheme = SIX
) -> None:
    """Write 3-line records; the type in the header is the only one that the labels allow.

    Raises
    ------
    TopoError
        If a protein has no labels, or the file cannot be written.
    """
    with output_text(path) as stream:
        stream.writelines(labelled_record(protein, scheme) for protein in proteins)


def labelled_record(protein: Protein, scheme: LabelScheme = SIX) -> str:
    """Format a labelled protein as one 3-line record; an id that is no word is encoded.

    Raises
    ------
    TopoError
        If it has no labels.
    """
    if protein.labels is None:
        raise TopoError(f"{protein.id} has no labels, which a 3-line record needs")
    is_word = protein.id.isprintable() and len(protein.id.split()) == 1
    name = protein.id if is_word else plain_id(protein.id)
    return _record(name, protein.sequence, protein.labels, _type(protein, scheme))


def three_line_record(prediction: Prediction) -> str:
    """Format a prediction as one 3-line record; without a type the header is ``>ID``."""
    name = plain_id(prediction.id)
    return _record(name, prediction.sequence, prediction.labels, prediction.type)


def _record(name: str, sequence: str, labels: str, kind: str | None) -> str:
    header = f"{name}{SEPARATOR}{kind}" if kind else name
    return f">{header}\n{sequence}\n{labels}\n"


def as_prediction(protein: Protein, scheme: LabelScheme = SIX) -> Prediction:
    """Convert a 3-line record with the labels of a scheme to a prediction.

    The type is the header's where that is one of the scheme, else the one that the labels
    determine.
    """
    kind, labels = protein.header_type, protein.labels or ""
    kind = kind if kind in scheme.type_names else scheme.type_of(labels)
    return Prediction(protein.id, protein.sequence, labels, kind, scheme=scheme)


def _type(protein: Protein, scheme: LabelScheme) -> str | None:
    """Return the only type that the labels allow, or else the type in the header read."""
    labels = protein.labels or ""
    if UNKNOWN not in labels or scheme is not SIX:
        return scheme.type_of(labels) or protein.header_type
    from topo.grammar.legality import possible_types  # compiled code: only where a label is unknown

    types = possible_types(labels)
    return types[0] if len(types) == 1 else protein.header_type


class _Rule(NamedTuple):
    """How records are read, see :func:`parse_three_line`."""

    any_letter: bool
    stops: bool
    alphabet: Alphabet
    scheme: LabelScheme


def _records(lines: Lines, rule: _Rule) -> Iterator[tuple[str, Protein | Fault]]:
    """Yield each record with the place of its header; a faulty one ends at the next header."""
    group: list[tuple[int, str]] = []
    faulty = False
    for raw in lines:
        line = raw.strip()
        if not line or (not group and line[0] in COMMENTS):
            continue
        is_header = line.startswith(">")
        if not is_header and not group:
            lines.fail(f"found {line[:20]!r}, expected a '>' header")
        if is_header and 0 < len(group) < len(_PARTS):
            yield _unfinished(group, f"{line[:20]!r}", lines.number, lines.source)
        if is_header:
            group, faulty = [(lines.number, line)], False
        elif len(group) < len(_PARTS):
            group.append((lines.number, line))
            if len(group) == len(_PARTS):
                yield f"line {group[0][0]}", _protein_or_fault(group, lines, rule)
        elif not faulty:
            faulty = True
            reason = f"found {line[:20]!r}, expected a '>' header"
            yield "", Fault(_id(group), lines.number, reason, lines.source)
    if 0 < len(group) < len(_PARTS):
        yield _unfinished(group, "the end of the file", group[-1][0], lines.source)


def _unfinished(
    group: list[tuple[int, str]], found: str, line: int, source: str
) -> tuple[str, Fault]:
    name = _id(group)
    reason = f"found {found}, expected the {_PARTS[len(group)]} of {name}"
    return f"line {group[0][0]}", Fault(name, line, reason, source)


def _protein_or_fault(group: list[tuple[int, str]], lines: Lines, rule: _Rule) -> Protein | Fault:
    try:
        return _protein(group, lines, rule)
    except InputError as error:
        return Fault.of(_id(group), error, lines.source)


def _id(group: list[tuple[int, str]]) -> str:
    return (group[0][1][1:].split() or ["a record"])[0]


def _protein(group: list[tuple[int, str]], lines: Lines, rule: _Rule) -> Protein:
    source = lines.source
    (header_line, header), (sequence_line, residues), (label_line, labels) = group
    before, separator, kind = header[1:].rpartition(SEPARATOR)
    record = parse_header(before if separator else kind, source, header_line)
    if rule.stops:
        residues, labels = without_final_stop(residues, labels)
    sequence = clean_sequence(residues, source, sequence_line, record, mask_stops=rule.stops)
    labels = translate(labels, rule.alphabet)
    check_labels(
        labels,
        sequence,
        source,
        label_line,
        record,
        any_letter=rule.any_letter,
        scheme=rule.scheme,
    )
    return Protein(
        record,
        sequence,
        labels,
        header_type=kind.strip() if separator else None,
        metadata={"description": header[1:].strip()},
    )
