"""The table of input formats, and how each is recognised from its first lines.

A format has one entry in :data:`FORMATS`: its name, kind, suffixes, recogniser, parser and, for
formats of proteins, writer. :mod:`topo.io.readers` reads files through this table,
:mod:`topo.io.convert` chooses the format to write by suffix, and :mod:`topo.io.inputs` finds
sequence files in a folder. The layouts of the files that ``topo predict`` writes stand in
:mod:`topo.io.writers`; the parsers of structures in :mod:`topo.io.structure`.

A recogniser looks ahead in the lines and takes none, and may look at as many as it needs. A further
format or dialect needs a parser, a recogniser and an entry here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from os import PathLike
from typing import Any, Literal, NamedTuple

from topo.io.fasta import parse_fasta, write_fasta
from topo.io.gff3 import parse_gff3
from topo.io.jsonl import parse_jsonl
from topo.io.lines import Lines
from topo.io.partitions import parse_partitions, write_partitions
from topo.io.swissprot import parse_swissprot
from topo.io.three_line import SEPARATOR, as_prediction, parse_three_line, write_three_line
from topo.io.tmbed import LETTERS, TABLE_HEADER, parse_tmbed
from topo.io.tmrs import parse_tmrs
from topo.labels import LABELS, TYPES, UNKNOWN
from topo.protein import Prediction, Protein

Recogniser = Callable[[Lines], bool]
Kind = Literal["proteins", "predictions", "structure", "output"]

_LABEL_LETTERS = frozenset((*LABELS, UNKNOWN))
_CERTAIN_RUN = 12
"""Fewest label letters in a row that are taken as labels whatever their number."""

_RECORDS_SEEN = 1000
"""Records that are searched for a letter that only one of two alphabets has."""


class Format(NamedTuple):
    """A file format.

    Parameters
    ----------
    name
        Name on the command line and in messages.
    kind
        What the file holds: ``proteins``, ``predictions``, ``structure``, or ``output`` for formats
        that are written but not read.
    recognise
        Function that returns whether the coming lines have this format, given the kind.
    parse
        Parser of :class:`~topo.io.lines.Lines`; None for structures and outputs.
    options
        Keyword arguments that ``parse`` takes.
    suffixes
        Endings of file names in lower case, each also valid with ``.gz``.
    write
        Writer of proteins, for formats of that kind that can be written.
    """

    name: str
    kind: Kind
    recognise: Recogniser
    parse: Callable[..., Iterator[Any]] | None = None
    options: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    write: Callable[[Iterable[Protein], str | PathLike[str]], None] | None = None


def recognise(kind: Kind, lines: Lines) -> Format | None:
    """Return the format of a file, of those of a kind; None if none fits.

    The formats of a kind stand in :data:`FORMATS` from the least to the most specific; the last
    one that fits is the answer. No line is taken.
    """
    return next((form for form in reversed(of_kind(kind)) if form.recognise(lines)), None)


def of_kind(kind: Kind) -> list[Format]:
    """Return the formats of a kind in the order of the table."""
    return [form for form in FORMATS if form.kind == kind]


def suffixes_of(kind: Kind) -> tuple[str, ...]:
    """Return the suffixes of all formats of a kind."""
    return tuple(suffix for form in of_kind(kind) for suffix in form.suffixes)


def has_suffix(path: str | PathLike[str], suffixes: tuple[str, ...]) -> bool:
    """Return whether a path ends in one of the suffixes, in any case and with or without .gz."""
    return str(path).lower().removesuffix(".gz").endswith(suffixes)


def holds_predictions(lines: Lines) -> bool:
    """Return whether a file holds predictions; 3-line files count as proteins. No line is taken."""
    texts = [text for line in _head(lines) if (text := line.strip())]
    if not texts:
        return False
    if not texts[0].startswith(">"):
        first = Lines(lines.source, texts, raw=True)
        is_table = _is_table(first) or recognise("output", first) is not None
        return is_table or re.match(r'\{\s*"id"\s*:\s*"', texts[0]) is not None
    if len(texts) < 3:
        return False
    residues, letters = texts[1:3]
    if "\t" in residues:
        return True
    found = set(letters)
    return len(residues) == len(letters) and found <= LETTERS and not found <= _LABEL_LETTERS


def _first_line(pattern: str) -> Recogniser:
    """Recognise a format by the start of its first line."""
    return lambda lines: any(re.match(pattern, line) for line in lines.peek(1))


def _first_text(pattern: str) -> Recogniser:
    """Recognise a format of proteins by the start of its first line with content."""
    return lambda lines: any(re.match(pattern, line) for line in _texts(lines)[:1])


def _head(lines: Lines) -> list[str]:
    """Return the lines up to the fourth with content, or the first if that is no header.

    These are the first record of a 3-line file and the header of the second.
    """
    head, seen = [], 0
    for line in lines.ahead():
        head.append(line)
        if not line.strip() or line.lstrip().startswith(";"):
            continue
        seen += 1
        if seen == 4 or (seen == 1 and not line.lstrip().startswith(">")):
            break
    return head


def _texts(lines: Lines) -> list[str]:
    """Return the lines of :func:`_head` stripped, without blank lines and comments."""
    return [text for line in _head(lines) if (text := line.strip()) and text[0] != ";"]


def _is_three_line(lines: Lines) -> bool:
    """Judge the first record: two lines after the header, the second made of labels.

    The last line of a short FASTA record may consist of these letters too. So lengths that differ,
    as in a broken 3-line record, need further evidence.
    """
    texts = _texts(lines)
    body = texts[1:3]
    if len(body) < 2 or any(text.startswith(">") for text in body):
        return False
    if len(texts) > 3 and not texts[3].startswith(">"):
        return False
    residues, labels = body
    typed = texts[0].rpartition(SEPARATOR)[2].strip() in TYPES
    if not _LABEL_LETTERS.issuperset(labels):
        return typed and len(labels) == len(residues)
    return typed or len(labels) == len(residues) or len(labels) >= _CERTAIN_RUN


def _is_three_line_prediction(lines: Lines) -> bool:
    """Choose between the letters of topo and of TMbed by the first record that has only one set."""
    if not _has_header(lines):
        return False
    coming = lines.ahead()
    for _ in range(1, _RECORDS_SEEN):
        record = list(islice(coming, 3))
        if len(record) < 3 or not all(line.strip() for line in record):
            return True
        if record[1] == TABLE_HEADER:
            return False
        letters = set(record[2])
        if letters - LETTERS:
            return True
        if letters - _LABEL_LETTERS:
            return False
    return True


def _is_gff3(lines: Lines) -> bool:
    """Choose between valid GFF3 and ``TMRs.gff3`` by the first line in which they differ."""
    if not _is_table(lines):
        return False
    for line in lines.ahead():
        if line.startswith("##sequence-region"):
            return True
        if line.startswith("# ") and " Length:" in line:
            return False
        if "\t" in line and not line.startswith("#"):
            return line.count("\t") == 8
    return True


_has_header = _first_line(">")
_is_table = _first_line(r"##gff-version|# |.*\t")


def _parse_partitions(lines: Lines, folds: Sequence[str] | None = None) -> Iterator[Protein]:
    return parse_partitions("".join(lines), lines.source, folds)


def _parse_three_line(lines: Lines, any_letter: bool = False) -> Iterator[Prediction]:
    return map(as_prediction, parse_three_line(lines, any_letter=any_letter))


def _written_only(name: str, pattern: str, suffixes: tuple[str, ...] = ()) -> Format:
    return Format(name, "output", _first_line(pattern), suffixes=suffixes)


_PDB_RECORDS = (
    "HEADER|TITLE |COMPND|SOURCE|KEYWDS|EXPDTA|REMARK|ATOM  |HETATM|MODEL |CRYST1|SEQRES|DBREF|"
    "OBSLTE|SPLIT |CAVEAT|NUMMDL|MDLTYP|AUTHOR|REVDAT|ORIGX1|PARENT|USER  |MODRES|HELIX |SHEET "
)

FORMATS = (
    Format(
        "fasta",
        "proteins",
        lambda lines: True,
        parse_fasta,
        suffixes=(".fasta", ".fa", ".faa", ".fas"),
        write=write_fasta,
    ),
    Format(
        "3line",
        "proteins",
        _is_three_line,
        parse_three_line,
        suffixes=(".3line",),
        write=write_three_line,
    ),
    Format(
        "partitions",
        "proteins",
        _first_text(r"[{\[]"),
        _parse_partitions,
        options=("folds",),
        suffixes=(".json",),
        write=write_partitions,
    ),
    Format("swissprot", "proteins", _first_text("ID   "), parse_swissprot, suffixes=(".dat",)),
    Format("tmrs", "predictions", _is_table, parse_tmrs),
    Format("gff3", "predictions", _is_gff3, parse_gff3, suffixes=(".gff3",)),
    Format("tmbed", "predictions", _has_header, parse_tmbed),
    Format("3line", "predictions", _is_three_line_prediction, _parse_three_line, ("any_letter",)),
    Format(
        "jsonl",
        "predictions",
        _first_line(r"\{"),
        parse_jsonl,
        options=("any_letter",),
        suffixes=(".jsonl",),
    ),
    Format("pdb", "structure", _first_line(_PDB_RECORDS), suffixes=(".pdb", ".ent")),
    Format("mmcif", "structure", _first_line("data_"), suffixes=(".cif", ".mmcif")),
    _written_only("Parquet", "PAR1", (".parquet",)),
    _written_only("summary.tsv", "id\ttype\tlength\t"),
    _written_only("segments.tsv", "id\ttype\tsegment\t"),
    _written_only("TMHMM's short format", r"\S+\tlen=\d+\t"),
    _written_only("Phobius' short format", r"(SEQENCE )?ID\s+TM\s+SP\s+PREDICTION"),
    _written_only("SignalP's table", r"# \S+\tOrganism:"),
)
"""All formats; those of one kind from the least to the most specific."""
