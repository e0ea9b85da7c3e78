"""Conversion of files of proteins or predictions to another format.

Proteins with labels count as predictions for a prediction format, and predictions as proteins for a
protein format. Data that the target format has no place for are lost.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from topo.errors import InputError, InputWarning, TopoError
from topo.io.files import atomic_path, beside, output_text, source_name
from topo.io.formats import FORMATS, has_suffix, of_kind
from topo.io.ids import plain_id, renamed_message, write_ids
from topo.io.output_formats import KEEP_IDS, PREDICTION_FORMATS, check_scheme
from topo.io.readers import read_any
from topo.io.three_line import as_prediction, write_three_line
from topo.io.writers import open_writers
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction, Protein, shared_fields

_RECORD_WRITERS = {form.name: form.write for form in of_kind("proteins") if form.write}
_MANY_FILES = ("deeptmhmm", "signalp", "html")
TARGETS = (
    *_RECORD_WRITERS,
    *(name for name in PREDICTION_FORMATS if name not in (*_RECORD_WRITERS, *_MANY_FILES)),
)
"""Formats that can be written."""

_SUFFIXES = {form.name: form.suffixes for form in FORMATS if form.suffixes and form.name in TARGETS}
_WITHOUT_LABELS = ("fasta", "partitions")
_PLAIN_RECORDS = ("fasta", "3line")
_UNKNOWN_RESIDUE = "X"


class Converted(NamedTuple):
    """Number of records written, and of those left out because they have no labels."""

    written: int
    left_out: int


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    form: str,
    *,
    input_format: str | None = None,
    scheme: LabelScheme = SIX,
) -> Converted:
    """Convert a file.

    Parameters
    ----------
    source
        Path to any file that :func:`topo.io.read_proteins` or :func:`topo.io.read_predictions`
        reads; ``-`` for standard input; ``FILE.json:cv0,cv1`` for some folds.
    target
        Path to the output; ``-`` for standard output.
    form
        One of :data:`TARGETS`. Records without labels are left out, except of ``fasta`` and
        ``partitions``. Ids that the format encodes are listed in
        ``TARGET.ids.tsv``, with a warning.
    input_format
        Name of the format of the source; by default its content decides.
    scheme
        Scheme of the labels in the source. Formats that know six labels alone get the ones that
        they are mapped to.

    Raises
    ------
    TopoError
        If the source is malformed, no record can be written, or the target cannot be.
    """
    if form not in TARGETS:
        raise TopoError(f"unknown format {form!r}, expected one of {', '.join(TARGETS)}")
    if form not in _RECORD_WRITERS:
        check_scheme(scheme, [form])
    counts = {True: 0, False: 0}
    records = _writable(read_any(source, input_format, scheme), form, counts, source_name(source))
    if form in _RECORD_WRITERS:
        renamed: list[tuple[str, str]] = []
        plain = form in _PLAIN_RECORDS
        proteins = (_as_protein(record, renamed if plain else None) for record in records)
        write = _RECORD_WRITERS[form]
        if form == "3line":
            write_three_line(proteins, target, scheme)
        else:
            write(proteins, target)
        if renamed:
            _report_ids(renamed, target)
    else:
        predictions = (_as_prediction(record, scheme) for record in records)
        _write_predictions(predictions, target, form, scheme)
    return Converted(counts[True], counts[False])


def write_records(proteins: Iterable[Protein], target: str | PathLike[str], form: str) -> None:
    """Write proteins in a format of proteins.

    Raises
    ------
    TopoError
        If the format is not one of proteins, or the target cannot be written.
    """
    if form not in _RECORD_WRITERS:
        raise TopoError(f"{target}: found {form}, expected one of {', '.join(_RECORD_WRITERS)}")
    _RECORD_WRITERS[form](proteins, target)


def format_of(target: str | PathLike[str]) -> str:
    """Return the format for the suffix of a path (``.gz`` after it is ignored).

    Raises
    ------
    TopoError
        If no format has the suffix.
    """
    for form, suffixes in _SUFFIXES.items():
        if has_suffix(target, suffixes):
            return form
    known = ", ".join(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)
    raise TopoError(f"{target}: the suffix tells no format; expected one of {known}, or --to")


def _writable(
    records: Iterable[Protein | Prediction], form: str, counts: dict[bool, int], source: str
) -> Iterator[Protein | Prediction]:
    """Yield the records that the format can hold; count them and the others."""
    for record in records:
        if form == "fasta" and not record.sequence.strip(_UNKNOWN_RESIDUE):
            raise InputError(source, f"{record.id} has no known residue, which FASTA needs")
        fits = record.labels is not None or form in _WITHOUT_LABELS
        counts[fits] += 1
        if fits:
            yield record
    if not counts[True]:
        raise InputError(source, f"no record has labels, which format {form} needs")


def _as_protein(record: Protein | Prediction, renamed: list[tuple[str, str]] | None) -> Protein:
    """Convert a record; list the id in ``renamed``, if given, where plain text needs another."""
    if isinstance(record, Protein):
        return record
    fields = shared_fields(record)
    if record.type:
        fields["header_type"] = record.type
    if renamed is not None and (name := plain_id(record.id)) != record.id:
        renamed.append((record.id, name))
        fields["id"] = name
    return Protein(labels=record.labels, **fields)


def _as_prediction(record: Protein | Prediction, scheme: LabelScheme) -> Prediction:
    return as_prediction(record, scheme) if isinstance(record, Protein) else record


def _write_predictions(
    predictions: Iterable[Prediction], target: str | PathLike[str], form: str, scheme: LabelScheme
) -> None:
    """Write one format under its own file name in a temporary folder and move it."""
    with TemporaryDirectory() as folder:
        with open_writers(folder, [form], scheme=scheme) as writers:
            for prediction in predictions:
                writers.write(prediction)
        _move(Path(folder) / writers.files[0], target)
    if form not in KEEP_IDS:
        _report_ids(writers.renamed(), target)


def _report_ids(renamed: list[tuple[str, str]], target: str | PathLike[str]) -> None:
    """Warn about encoded ids, and list them in ``TARGET.ids.tsv``."""
    all_of_them = ""
    if (file := beside(target, ".ids.tsv")) is not None:
        write_ids(file, renamed)
        all_of_them = f"; all are in {file}"
    if renamed:
        message = renamed_message(target, renamed)
        warnings.warn(f"{message}{all_of_them}", InputWarning, stacklevel=2)


def _move(file: Path, target: str | PathLike[str]) -> None:
    if file.suffix == ".parquet":
        with atomic_path(target) as temporary:
            shutil.copyfile(file, temporary)
        return
    with open(file, encoding="utf-8") as text, output_text(target) as stream:
        shutil.copyfileobj(text, stream)
