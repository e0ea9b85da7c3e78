"""Reading protein records whatever their format: the content decides, not the name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import chain
from os import PathLike
from typing import Literal

from topo.errors import InputError
from topo.io.fasta import parse_fasta
from topo.io.files import open_text, source_name
from topo.io.partitions import parse_partitions
from topo.io.swissprot import parse_swissprot
from topo.io.three_line import SEPARATOR, parse_three_line
from topo.labels import LABELS, TYPES, UNKNOWN
from topo.protein import Protein

Format = Literal["fasta", "3line", "partitions", "swissprot"]

_WRITTEN_ONLY = {
    "Parquet": re.compile("PAR1"),
    "summary.tsv": re.compile("id\ttype\tlength\t"),
    "TMHMM's short format": re.compile(r"\S+\tlen=\d+\t"),
    "Phobius' short format": re.compile(r"(SEQENCE )?ID\s+TM\s+SP\s+PREDICTION"),
    "SignalP's table": re.compile(r"# \S+\tOrganism:"),
}
"""Formats that are written but not read, by how their first line begins."""

_LABEL_LETTERS = frozenset((*LABELS, UNKNOWN))
_CERTAIN_RUN = 12
"""Label letters in a row that no last line of a FASTA record would be made of by chance."""


def read_proteins(path: str | PathLike[str]) -> Iterator[Protein]:
    """Read the proteins of a file, in order: FASTA, 3-line, partitions JSON or Swiss-Prot.

    FASTA, 3-line and Swiss-Prot are streamed record by record.

    Parameters
    ----------
    path
        A file, plain or gzip; ``-`` for standard input; ``FILE.json:cv0,cv1`` for some folds of
        a partitioned set.

    Yields
    ------
    Protein
        With labels where the format has them, and ``fold`` where there are
        folds.

    Raises
    ------
    InputError
        If the file cannot be read, is of no known format, or is malformed.
    """
    file, folds = split_folds(path)
    with open_text(file) as stream:
        yield from parse_proteins(enumerate(stream, 1), source_name(file), folds)


def parse_proteins(
    lines: Iterator[tuple[int, str]], source: str, folds: list[str] | None = None
) -> Iterator[Protein]:
    """Parse numbered lines of any record format; see :func:`read_proteins`."""
    head = head_lines(lines)
    first = head[0][1] if head else ""
    refuse_written_only(first, source, "FASTA, 3-line, partitions JSON or Swiss-Prot")
    form = sniff([text for _, text in head])
    lines = chain(head, lines)
    if folds is not None and form != "partitions":
        raise InputError(source, f"found {form}, which has no folds to choose from")
    if form == "partitions":
        yield from parse_partitions("".join(text for _, text in lines), source, folds)
    elif form == "swissprot":
        yield from parse_swissprot(lines, source)
    elif form == "3line":
        yield from parse_three_line(lines, source)
    else:
        yield from parse_fasta(lines, source)


def read_labelled(path: str | PathLike[str]) -> Iterator[Protein]:
    """Read proteins that all have labels; otherwise as :func:`read_proteins`.

    Raises
    ------
    InputError
        Also if a record has no labels.
    """
    for protein in read_proteins(path):
        if protein.labels is None:
            raise InputError(
                source_name(path),
                f"{protein.id} has no labels; expected records with labels "
                "(3-line, or partitions JSON)",
            )
        yield protein


def split_folds(path: str | PathLike[str]) -> tuple[str, list[str] | None]:
    """Split ``FILE.json:cv0,cv1`` into the file and its fold names (None where none are given)."""
    text = os.fspath(path)
    file, colon, names = text.rpartition(":")
    if not colon or os.path.exists(text) or not file.endswith((".json", ".json.gz")):
        return text, None
    return file, [name.strip() for name in names.split(",")]


def sniff(lines: list[str]) -> Format:
    """Tell the format of a file from its first record's lines; FASTA where nothing else fits."""
    texts = [text for line in lines if (text := line.strip()) and text[0] != ";"]
    if not texts:
        return "fasta"
    if texts[0][0] in "{[":
        return "partitions"
    if texts[0].startswith("ID   "):
        return "swissprot"
    return "3line" if _is_three_line(texts) else "fasta"


def written_only(line: str) -> str | None:
    """Name the format that is written but not read, if this is the first line of one."""
    return next((name for name, start in _WRITTEN_ONLY.items() if start.match(line)), None)


def refuse_written_only(line: str, source: str, expected: str) -> None:
    """Raise :class:`~topo.errors.InputError` if a file that begins so can only be written."""
    if name := written_only(line):
        found = f"found {name}, which is written but not read"
        raise InputError(source, f"{found}; expected {expected}")


def head_lines(lines: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """Take lines up to the fourth that says something: enough to tell the format."""
    head, seen = [], 0
    for number, text in lines:
        head.append((number, text))
        if not text.strip() or text.lstrip().startswith(";"):
            continue
        seen += 1
        if seen == 4 or (seen == 1 and not text.lstrip().startswith(">")):
            break
    return head


def _is_three_line(texts: list[str]) -> bool:
    """Judge the first record: two lines after the header, the second made of labels.

    The last line of a short FASTA record may be made of these letters too, so lengths that
    differ (which is what a broken 3-line record looks like) need further evidence.
    """
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
