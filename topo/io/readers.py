"""Readers of proteins and predictions in any format; the content decides, not the name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Any

from topo.errors import InputError
from topo.io.files import open_text, source_name
from topo.io.formats import Format, holds_predictions, named, of_kind, recognise
from topo.io.lines import Lines
from topo.io.records import RecordPolicy
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction, Protein

INPUT_FORMATS = tuple(form.name for form in of_kind("proteins"))
"""Names of the formats of proteins."""


def read_proteins(
    path: str | PathLike[str],
    *,
    input_format: str | None = None,
    policy: RecordPolicy | None = None,
    scheme: LabelScheme = SIX,
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
    scheme
        Scheme of the labels. With another one than the built-in scheme, records of three lines
        are taken for 3-line records whatever their letters.

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
        yield from parse_proteins(lines, folds, input_format, scheme=scheme)


def parse_proteins(
    lines: Lines,
    folds: list[str] | None = None,
    input_format: str | None = None,
    *,
    stops: bool = False,
    scheme: LabelScheme = SIX,
) -> Iterator[Protein]:
    """Parse the raw lines of a file of proteins; see :func:`read_proteins`.

    With ``stops``, ``*`` in a labelled 3-line record is an unknown residue.
    """
    if input_format is None:
        _refuse_output(lines, "FASTA, 3-line, partitions JSON or Swiss-Prot")
        lines.skip_blank()
        if foreign := recognise("foreign", lines):
            raise InputError(lines.source, f"found {foreign.name}")
        form = recognise("proteins", lines)
        if scheme is not SIX and form is not None and form.name in ("fasta", "labelled"):
            form = named("3line", "proteins")
    else:
        form = named(input_format, "proteins")
    assert form is not None, "every file counts as FASTA where nothing else fits"
    if folds is not None and "folds" not in form.options:
        raise InputError(lines.source, f"found {form.name}, which has no folds to choose from")
    yield from _parse(form, lines, folds=folds, stops=stops, scheme=scheme)


def read_labelled(path: str | PathLike[str], scheme: LabelScheme = SIX) -> Iterator[Protein]:
    """Read proteins that all have labels; otherwise as :func:`read_proteins`.

    Raises
    ------
    InputError
        Also if a record has no labels.
    """
    for protein in read_proteins(path, scheme=scheme):
        if protein.labels is None:
            raise InputError(
                source_name(path),
                f"{protein.id} has no labels; expected records with labels "
                "(3-line, or partitions JSON)",
            )
        yield protein


def read_predictions(
    path: str | PathLike[str],
    *,
    any_letter: bool = False,
    form: str | None = None,
    scheme: LabelScheme = SIX,
) -> Iterator[Prediction]:
    """Read the predictions of a file one by one.

    Parameters
    ----------
    path
        Path to a 3-line, ``TMRs.gff3`` or long TMHMM, valid GFF3, InterProScan, TMbed 0 to 4 or
        JSON lines file, plain or gzip; ``-`` for standard input.
    any_letter
        Whether 3-line and JSON lines may have labels of letters that no known program writes;
        they are kept, with a warning.
    form
        Name of the format; by default the content decides.
    scheme
        Scheme of the labels in 3-line, GFF3 and JSON lines files; files of other formats have the
        six labels.

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
        source = source_name(path)
        yield from parse_predictions(
            stream, source, any_letter=any_letter, form=form, scheme=scheme
        )


def parse_predictions(
    text: Iterable[str],
    source: str,
    *,
    any_letter: bool = False,
    form: str | None = None,
    scheme: LabelScheme = SIX,
) -> Iterator[Prediction]:
    """Parse the lines of a prediction file; see :func:`read_predictions`."""
    raw = Lines(source, text, raw=True)
    if form is None:
        _refuse_output(raw, "3-line, GFF3, TMRs.gff3, InterProScan, TMbed or JSON lines")
    lines = Lines(source, raw)
    if not lines.skip_blank():
        raise InputError(source, "is empty, expected predictions")
    found_form = recognise("predictions", lines) if form is None else named(form, "predictions")
    if scheme is not SIX and form is None and lines.peek(1)[0].startswith(">"):
        found_form = named("3line", "predictions")
    if found_form is None:
        found = f"found {lines.peek(1)[0][:20]!r}, expected 3-line, GFF3, TMbed or JSON lines"
        lines.fail(found, lines.number + 1)
    yield from _parse(found_form, lines, any_letter=any_letter, scheme=scheme)


def read_any(
    path: str | PathLike[str], form: str | None = None, scheme: LabelScheme = SIX
) -> Iterator[Protein | Prediction]:
    """Read proteins or predictions, whichever the file holds.

    In labelled 3-line records ``*`` is an unknown residue, because other programs write it.

    Parameters
    ----------
    path
        Path as for :func:`read_proteins` and :func:`read_predictions`.
    form
        Name of the format; by default the content decides.
    scheme
        Scheme of the labels.

    Raises
    ------
    InputError
        As :func:`read_proteins` and :func:`read_predictions`.
    """
    file, folds = split_folds(path)
    with open_text(file) as stream:
        lines = Lines(source_name(file), stream, raw=True)
        if form is None:
            predictions = folds is None and holds_predictions(lines)
        else:
            predictions = named(form, "proteins", "predictions").kind == "predictions"
        if predictions:
            yield from parse_predictions(lines, lines.source, form=form, scheme=scheme)
        else:
            yield from parse_proteins(lines, folds, form, stops=True, scheme=scheme)


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
