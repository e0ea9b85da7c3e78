"""From any file of proteins or predictions to another format.

Proteins with labels count as predictions where a prediction format is written, and predictions as
proteins where a record format is; what the format written cannot hold is lost.
"""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from topo.errors import InputError, InputWarning, TopoError
from topo.io.deeptmhmm import with_header_type
from topo.io.fasta import write_fasta
from topo.io.files import atomic_path, open_text, output_text, source_name
from topo.io.partitions import write_partitions
from topo.io.predictions import FORMATS, open_writers, parse_predictions, write_ids
from topo.io.sniff import head_lines, parse_proteins, split_folds, written_only
from topo.io.three_line import write_three_line
from topo.io.tmbed import LETTERS
from topo.labels import LABELS, UNKNOWN
from topo.protein import Prediction, Protein, shared_fields

RecordWriter = Callable[[Iterable[Protein], str | PathLike[str]], None]

_RECORD_WRITERS: dict[str, RecordWriter] = {
    "fasta": write_fasta,
    "3line": write_three_line,
    "partitions": write_partitions,
}
_MANY_FILES = ("deeptmhmm", "signalp", "html")
TARGETS = (
    *_RECORD_WRITERS,
    *(name for name in FORMATS if name not in (*_RECORD_WRITERS, *_MANY_FILES)),
)
"""Formats that can be written."""

_SUFFIXES = {
    "fasta": (".fasta", ".fa", ".faa", ".fas"),
    "3line": (".3line",),
    "partitions": (".json",),
    "gff3": (".gff3",),
    "jsonl": (".jsonl",),
    "parquet": (".parquet",),
}
_WITHOUT_LABELS = ("fasta", "partitions")
_KEEP_IDS = ("gff3", "jsonl", "parquet")
_UNKNOWN_RESIDUE = "X"


class Converted(NamedTuple):
    """How many records were written, and how many left out because they have no labels."""

    written: int
    left_out: int


def convert(source: str | PathLike[str], target: str | PathLike[str], form: str) -> Converted:
    """Convert a file.

    Parameters
    ----------
    source
        Any format that :func:`topo.io.read_proteins` or :func:`topo.io.read_predictions` reads;
        ``-`` for standard input; ``FILE.json:cv0,cv1`` for some folds.
    target
        Where to; ``-`` for standard output.
    form
        One of :data:`TARGETS`. Records without labels are left out, except of ``fasta`` and
        ``partitions``. Ids that a prediction format spells otherwise are listed in
        ``TARGET.ids.tsv``, with a warning.

    Raises
    ------
    TopoError
        If the source is malformed, no record can be written, or the target cannot be.
    """
    if form not in TARGETS:
        raise TopoError(f"unknown format {form!r}, expected one of {', '.join(TARGETS)}")
    counts = {True: 0, False: 0}
    records = _writable(read_any(source), form, counts, source_name(source))
    if form in _RECORD_WRITERS:
        _RECORD_WRITERS[form](map(_as_protein, records), target)
    else:
        _write_predictions(map(_as_prediction, records), target, form)
    return Converted(counts[True], counts[False])


def write_records(proteins: Iterable[Protein], target: str | PathLike[str], form: str) -> None:
    """Write proteins in a record format.

    Raises
    ------
    TopoError
        If the format is none of records, or the target cannot be written.
    """
    if form not in _RECORD_WRITERS:
        raise TopoError(f"{target}: found {form}, expected one of {', '.join(_RECORD_WRITERS)}")
    _RECORD_WRITERS[form](proteins, target)


def format_of(target: str | PathLike[str]) -> str:
    """Tell the format to write from the suffix of a path (``.gz`` after it is passed over).

    Raises
    ------
    TopoError
        If the suffix tells none.
    """
    name = str(target).lower().removesuffix(".gz")
    for form, suffixes in _SUFFIXES.items():
        if name.endswith(suffixes):
            return form
    known = ", ".join(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)
    raise TopoError(f"{target}: the suffix tells no format; expected one of {known}, or --to")


def read_any(path: str | PathLike[str]) -> Iterator[Protein | Prediction]:
    """Read proteins or predictions, whichever the file holds.

    Raises
    ------
    InputError
        As :func:`topo.io.read_proteins` and :func:`topo.io.read_predictions`.
    """
    file, folds = split_folds(path)
    source = source_name(file)
    with open_text(file) as stream:
        lines = enumerate(stream, 1)
        head = head_lines(lines)
        lines = chain(head, lines)
        if folds is None and holds_predictions([text for _, text in head]):
            yield from parse_predictions((text for _, text in lines), source)
        else:
            yield from parse_proteins(lines, source, folds)


def holds_predictions(lines: list[str]) -> bool:
    """Tell from the first lines whether a file is one of predictions (3-line counts as records)."""
    texts = [text for line in lines if (text := line.strip())]
    if not texts:
        return False
    if not texts[0].startswith(">"):
        if written_only(texts[0]):
            return True
        tabular = texts[0].startswith(("##gff-version", "# ")) or "\t" in texts[0]
        return tabular or re.match(r'\{\s*"id"\s*:\s*"', texts[0]) is not None
    if len(texts) < 3:
        return False
    residues, letters = texts[1:3]
    if "\t" in residues:
        return True
    found = set(letters)
    return len(residues) == len(letters) and found <= LETTERS and not found <= {*LABELS, UNKNOWN}


def _writable(
    records: Iterable[Protein | Prediction], form: str, counts: dict[bool, int], source: str
) -> Iterator[Protein | Prediction]:
    """Pass on what the format can hold, and count both kinds."""
    for record in records:
        if form == "fasta" and not record.sequence.strip(_UNKNOWN_RESIDUE):
            raise InputError(source, f"{record.id} has no known residue, which FASTA needs")
        fits = record.labels is not None or form in _WITHOUT_LABELS
        counts[fits] += 1
        if fits:
            yield record
    if not counts[True]:
        raise InputError(source, f"no record has labels, which format {form} needs")


def _as_protein(record: Protein | Prediction) -> Protein:
    if isinstance(record, Protein):
        return record
    fields = shared_fields(record)
    if record.type:
        fields["header_type"] = record.type
    return Protein(labels=record.labels, **fields)


def _as_prediction(record: Protein | Prediction) -> Prediction:
    return with_header_type(record) if isinstance(record, Protein) else record


def _write_predictions(
    predictions: Iterable[Prediction], target: str | PathLike[str], form: str
) -> None:
    """Write one format; its file has a name of its own, so write it apart and move it."""
    with TemporaryDirectory() as folder:
        with open_writers(folder, [form]) as writers:
            for prediction in predictions:
                writers.write(prediction)
        _move(Path(folder) / writers.files[0], target)
    if form not in _KEEP_IDS:
        _tell_ids(writers.renamed(), target)


def _tell_ids(renamed: list[tuple[str, str]], target: str | PathLike[str]) -> None:
    """Warn where ids are spelled otherwise, and list them in ``TARGET.ids.tsv``."""
    all_of_them = ""
    if str(target) != "-":
        write_ids(file := Path(f"{target}.ids.tsv"), renamed)
        all_of_them = f"; all are in {file}"
    if renamed:
        original, written = renamed[0]
        found = f"{len(renamed)} ids are spelled otherwise, e.g. {original!r} as {written}"
        warnings.warn(f"{target}: {found}{all_of_them}", InputWarning, stacklevel=2)


def _move(file: Path, target: str | PathLike[str]) -> None:
    if file.suffix == ".parquet":
        with atomic_path(target) as temporary:
            shutil.copyfile(file, temporary)
        return
    with open(file, encoding="utf-8") as text, output_text(target) as stream:
        shutil.copyfileobj(text, stream)
