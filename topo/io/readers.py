"""Readers of proteins and predictions in any format; the content decides, not the name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Any

from topo.errors import InputError, TopoError
from topo.io.files import open_text, source_name
from topo.io.formats import Format, holds_predictions, of_kind, recognise
from topo.io.lines import Lines
from topo.io.records import RecordPolicy
from topo.protein import Prediction, Protein

INPUT_FORMATS = tuple(form.name for form in of_kind("proteins"))
"""Names of the formats of proteins."""


def read_proteins(
    path: str | PathLike[str],
    *,
    input_format: str | None = None,
    policy: RecordPolicy | None = None,
) -> Iterator[Protein]:
    """Read the proteins of a FASTA, 3-line, PIR, partitions JSON or Swiss-Prot file, in order.

    All but JSON are streamed record by record.

    Parameters
    ----------
    path
        Path to a file, plain or compressed; ``-`` for standard input; ``FILE.json:cv0,cv1`` for
        some folds of a partitioned set.
    input_format
        Name in :data:`INPUT_FORMATS`; None decides by the content.
    policy
        Treatment of faulty records; by default they are an error.

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
        lines = Lines(source_name(file), stream, raw=True, policy=policy)
        yield from parse_proteins(lines, folds, input_format)


def parse_proteins(
    lines: Lines, folds: list[str] | None = None, input_format: str | None = None
) -> Iterator[Protein]:
    """Parse the raw lines of a file of proteins; see :func:`read_proteins`."""
    if input_format is None:
        _refuse_output(lines, "FASTA, 3-line, partitions JSON or Swiss-Prot")
        lines.skip_blank()
        if foreign := recognise("foreign", lines):
            raise InputError(lines.source, f"found {foreign.name}")
        form = recognise("proteins", lines)
    else:
        form = next((f for f in of_kind("proteins") if f.name == input_format), None)
        if form is None:
            known = ", ".join(INPUT_FORMATS)
            raise TopoError(f"unknown input format {input_format!r}, expected one of {known}")
    assert form is not None, "every file counts as FASTA where nothing else fits"
    if folds is not None and "folds" not in form.options:
        raise InputError(lines.source, f"found {form.name}, which has no folds to choose from")
    yield from _parse(form, lines, folds=folds)


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


def read_predictions(
    path: str | PathLike[str], *, any_letter: bool = False
) -> Iterator[Prediction]:
    """Read the predictions of a file one by one.

    Parameters
    ----------
    path
        Path to a 3-line, ``TMRs.gff3``, valid GFF3, TMbed 0 to 4 or JSON lines file, plain or gzip;
        ``-`` for standard input.
    any_letter
        Whether 3-line and JSON lines may have labels of any letters, as other predictors write.

    Yields
    ------
    Prediction
        Probabilities come only from TMbed 2 and 3 and JSON lines. GFF3 has no sequence, so it is
        ``X`` throughout.

    Raises
    ------
    InputError
        If the file is of no known format or malformed; names file and line.
    """
    with open_text(path) as stream:
        yield from parse_predictions(stream, source_name(path), any_letter=any_letter)


def parse_predictions(
    text: Iterable[str], source: str, *, any_letter: bool = False
) -> Iterator[Prediction]:
    """Parse the lines of a prediction file; see :func:`read_predictions`."""
    raw = Lines(source, text, raw=True)
    _refuse_output(raw, "3-line, GFF3, TMRs.gff3, TMbed or JSON lines")
    lines = Lines(source, raw)
    if not lines.skip_blank():
        raise InputError(source, "is empty, expected predictions")
    form = recognise("predictions", lines)
    if form is None:
        found = f"found {lines.peek(1)[0][:20]!r}, expected 3-line, GFF3, TMbed or JSON lines"
        lines.fail(found, lines.number + 1)
    yield from _parse(form, lines, any_letter=any_letter)


def read_any(path: str | PathLike[str]) -> Iterator[Protein | Prediction]:
    """Read proteins or predictions, whichever the file holds.

    Raises
    ------
    InputError
        As :func:`read_proteins` and :func:`read_predictions`.
    """
    file, folds = split_folds(path)
    with open_text(file) as stream:
        lines = Lines(source_name(file), stream, raw=True)
        if folds is None and holds_predictions(lines):
            yield from parse_predictions(lines, lines.source)
        else:
            yield from parse_proteins(lines, folds)


def split_folds(path: str | PathLike[str]) -> tuple[str, list[str] | None]:
    """Split ``FILE.json:cv0,cv1`` into the file and its fold names (None without any)."""
    text = os.fspath(path)
    file, colon, names = text.rpartition(":")
    if not colon or os.path.exists(text) or not file.endswith((".json", ".json.gz")):
        return text, None
    return file, [name.strip() for name in names.split(",")]


def _refuse_output(lines: Lines, expected: str) -> None:
    """Raise :class:`~topo.errors.InputError` for a format that is written but not read."""
    if form := recognise("output", lines):
        found = f"found {form.name}, which is written but not read"
        raise InputError(lines.source, f"{found}; expected {expected}")


def _parse(form: Format, lines: Lines, **options: Any) -> Iterator[Any]:
    """Parse the lines with those of the options that the format takes."""
    assert form.parse is not None, f"{form.name} has no parser"
    return form.parse(lines, **{k: v for k, v in options.items() if k in form.options})
