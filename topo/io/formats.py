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
from os import PathLike
from typing import Any, Literal, NamedTuple

from topo.errors import TopoError
from topo.io.alphabets import TMBED, TOPO, check_letters, choose_alphabet, label_lines
from topo.io.biotrainer import HEADER, parse_biotrainer, write_biotrainer
from topo.io.deeptmhmm2 import is_deeptmhmm2, parse_deeptmhmm2
from topo.io.fasta import parse_fasta, write_fasta
from topo.io.gff3_reader import parse_gff3
from topo.io.interproscan import is_interproscan, parse_interproscan
from topo.io.jsonl import parse_jsonl
from topo.io.layout import record_layout
from topo.io.lines import Lines
from topo.io.partitions import parse_partitions, write_partitions
from topo.io.phobius_long import is_phobius_long, parse_phobius_long
from topo.io.swissprot import parse_swissprot
from topo.io.three_line import as_prediction, parse_three_line, write_three_line
from topo.io.titled import parse_labelled, parse_pir
from topo.io.tmbed import parse_tmbed
from topo.io.tmhmm_reader import PATTERN as TMHMM
from topo.io.tmhmm_reader import parse_tmhmm
from topo.io.tmrs import parse_tmrs
from topo.labels import LABELS, UNKNOWN
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction, Protein

Recogniser = Callable[[Lines], bool]
Kind = Literal["proteins", "predictions", "structure", "output", "foreign"]

_LABEL_LETTERS = frozenset((*LABELS, UNKNOWN))


class Format(NamedTuple):
    """A file format.

    Parameters
    ----------
    name
        Name on the command line and in messages; of a foreign format also what to do.
    kind
        What the file holds: ``proteins``, ``predictions``, ``structure``, ``output`` for formats
        that are written but not read, or ``foreign`` for formats of others that are not read.
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


def named(name: str, *kinds: Kind) -> Format:
    """Return the format of a name that can be read, of the first of the kinds that has it.

    Raises
    ------
    TopoError
        If no such format exists; the message lists the names.
    """
    known = {form.name: form for kind in reversed(kinds) for form in of_kind(kind) if form.parse}
    if name not in known:
        names = ", ".join(sorted(known))
        raise TopoError(f"unknown input format {name!r}, expected one of {names}")
    return known[name]


def suffixes_of(kind: Kind) -> tuple[str, ...]:
    """Return the suffixes of all formats of a kind."""
    return tuple(suffix for form in of_kind(kind) for suffix in form.suffixes)


def has_suffix(path: str | PathLike[str], suffixes: tuple[str, ...]) -> bool:
    """Return whether a path ends in one of the suffixes, in any case and with or without .gz."""
    return str(path).lower().removesuffix(".gz").endswith(suffixes)


def holds_predictions(lines: Lines) -> bool:
    """Return whether a file holds predictions; 3-line files count as proteins. No line is taken.

    Files with one line of labels per record hold predictions if all their labels are letters of
    another program, see :mod:`topo.io.alphabets`.
    """
    texts = [text for line in _head(lines) if (text := line.strip())]
    if not texts:
        return False
    if is_deeptmhmm2(lines) or is_phobius_long(lines):
        return True
    if not texts[0].startswith(">"):
        first = Lines(lines.source, texts, raw=True)
        known = re.match(TMHMM, texts[0]) or recognise("output", first)
        is_table = _is_table(first) or known is not None
        return is_table or re.match(r'\{\s*"id"\s*:\s*"', texts[0]) is not None
    if len(texts) < 3:
        return False
    if "\t" in texts[1]:
        return True
    found = label_lines(lines.ahead())
    alphabet = choose_alphabet(found.letters)
    return found.fit and alphabet not in (None, TOPO) and found.letters <= alphabet.letters


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


def _has_layout(name: str) -> Recogniser:
    """Recognise records by their layout, see :func:`topo.io.layout.record_layout`."""
    return lambda lines: record_layout(lines) == name


def _is_three_line_prediction(lines: Lines) -> bool:
    """Choose between TMbed and other programs by the labels of the whole file."""
    if not _has_header(lines):
        return False
    found = label_lines(lines.ahead())
    return not found.tables and choose_alphabet(found.letters) is not TMBED


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
            return line.count("\t") >= 8
    return True


_has_header = _first_line(">")
_is_table = _first_line(r"##gff-version|# |.*\t")


def _parse_partitions(
    lines: Lines, folds: Sequence[str] | None = None, scheme: LabelScheme = SIX
) -> Iterator[Protein]:
    text = "\n" * lines.number + lines.rest()  # keeps the numbers of lines in messages
    return parse_partitions(text, lines.source, folds, lines.policy, scheme)


def _parse_three_line(
    lines: Lines, any_letter: bool = False, scheme: LabelScheme = SIX
) -> Iterator[Prediction]:
    """Parse predictions in the letters of any program, which the whole file determines.

    With another scheme than the built-in one, the letters are those of the scheme.
    """
    if scheme is not SIX:
        for protein in parse_three_line(lines, stops=True, scheme=scheme):
            yield as_prediction(protein, scheme)
        return
    found = label_lines(lines.ahead()).letters
    alphabet = choose_alphabet(found)
    if alphabet is TMBED:
        yield from parse_tmbed(lines)
        return
    if alphabet is None or any_letter:
        check_letters(found, alphabet or TOPO, lines.source)
    assert alphabet is not None
    proteins = parse_three_line(lines, any_letter=any_letter, stops=True, alphabet=alphabet)
    yield from map(as_prediction, proteins)


def _foreign(name: str, pattern: str) -> Format:
    return Format(name, "foreign", _first_text(pattern))


def _is_uniprot_xml(lines: Lines) -> bool:
    head = [line[:1000] for line in lines.peek(5)]
    return bool(head) and head[0].startswith("<") and any("<uniprot" in line for line in head)


def _written_only(name: str, pattern: str, suffixes: tuple[str, ...] = ()) -> Format:
    return Format(name, "output", _first_line(pattern), suffixes=suffixes)


_FASTA_SUFFIXES = (
    *(".fasta", ".fa", ".faa", ".fas", ".pep", ".aa", ".fsa", ".prot", ".protein"),
    *(".mpfa", ".seq", ".fna", ".ffn"),
)
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
        suffixes=_FASTA_SUFFIXES,
        write=write_fasta,
    ),
    Format(
        "biotrainer",
        "proteins",
        _first_text(HEADER),
        parse_biotrainer,
        write=write_biotrainer,
    ),
    Format("pir", "proteins", _has_layout("pir"), parse_pir, suffixes=(".pir",)),
    Format("labelled", "proteins", _has_layout("labelled"), parse_labelled),
    Format(
        "3line",
        "proteins",
        _has_layout("3line"),
        parse_three_line,
        options=("stops", "scheme"),
        suffixes=(".3line",),
        write=write_three_line,
    ),
    Format(
        "partitions",
        "proteins",
        _first_text(r"[{\[]"),
        _parse_partitions,
        options=("folds", "scheme"),
        suffixes=(".json",),
        write=write_partitions,
    ),
    Format(
        "swissprot",
        "proteins",
        _first_text("ID   "),
        parse_swissprot,
        options=("scheme",),
        suffixes=(".dat",),
    ),
    Format("tmrs", "predictions", _is_table, parse_tmrs),
    Format(
        "gff3",
        "predictions",
        _is_gff3,
        parse_gff3,
        options=("scheme",),
        suffixes=(".gff3",),
    ),
    Format(
        "interproscan",
        "predictions",
        is_interproscan,
        parse_interproscan,
    ),
    Format("tmhmm", "predictions", _first_line(TMHMM), parse_tmhmm),
    Format("tmbed", "predictions", _has_header, parse_tmbed),
    Format(
        "3line",
        "predictions",
        _is_three_line_prediction,
        _parse_three_line,
        options=("any_letter", "scheme"),
    ),
    Format(
        "jsonl",
        "predictions",
        _first_line(r"\{"),
        parse_jsonl,
        options=("any_letter", "scheme"),
        suffixes=(".jsonl",),
    ),
    Format("deeptmhmm2", "predictions", is_deeptmhmm2, parse_deeptmhmm2),
    Format("phobius", "predictions", is_phobius_long, parse_phobius_long),
    Format("pdb", "structure", _first_line(_PDB_RECORDS), suffixes=(".pdb", ".ent")),
    Format("mmcif", "structure", _first_line("data_"), suffixes=(".cif", ".mmcif")),
    _written_only("Parquet", "PAR1", (".parquet",)),
    _written_only("summary.tsv", "id\ttype\tlength\t"),
    _written_only("segments.tsv", "id\ttype\tsegment\t"),
    _written_only(
        "Phobius' short format (it has no lengths; the long format is read)",
        r"(SEQENCE )?ID\s+TM\s+SP\s+PREDICTION",
    ),
    _written_only("SignalP's JSON", r'\{"INFO": '),
    _written_only("SignalP's table", r"# [^\t]+\tOrganism:"),
    _foreign("XML, which is not read; download the entries as FASTA or as text", "<[?a-z]"),
    Format(
        "UniProt XML, which is not read; download the entries as FASTA or as text",
        "foreign",
        _is_uniprot_xml,
    ),
    _foreign("HTML, which is not read; is it the page of an error?", "(?i)<!doctype html|<html"),
    _foreign(
        "GenBank or GenPept, which is not read; download the entries as FASTA", r"LOCUS\s{2,}\S"
    ),
    _foreign("EMBL, which is not read; download the entries as FASTA", r"ID   \S+; SV "),
    _foreign(
        "a Stockholm alignment, which is not read; expected sequences without gaps",
        "# STOCKHOLM",
    ),
    _foreign(
        "a Clustal alignment, which is not read; expected sequences without gaps",
        r"CLUSTAL|MUSCLE \(",
    ),
    _foreign("FASTQ, which is not read; expected proteins in FASTA", r"@\S+.*$"),
)
"""All formats; those of one kind from the least to the most specific."""
