"""Parquet files of predictions and probabilities (needs the optional package pyarrow)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np

from topo.errors import InputError, TopoError
from topo.io.extras import import_extra
from topo.io.files import atomic_path
from topo.io.jsonl import conditional_fields
from topo.io.summary import sequence_md5, signal_peptide_end
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Prediction, own_keys

_ROWS = 500
"""Proteins in a row group: about 5 MB of probabilities, enough to compress well."""

_ROWS_WITHOUT_PROBABILITIES = 20_000

_EXTRAS = {
    "constraints": "constraint_log_probability",
    "alternatives": "alternatives",
    "relatives": "relatives",
}
"""Columns with JSON text that only some runs have, named as in JSON lines."""


class ParquetFile:
    """Writer that collects proteins and writes them as row groups.

    Parameters
    ----------
    writer
        An open ``pyarrow.parquet.ParquetWriter``.
    to_table
        Function that converts predictions to a table of the writer's schema.
    rows
        Number of proteins in a row group.
    """

    def __init__(
        self, writer: Any, to_table: Callable[[list[Prediction]], Any], rows: int = _ROWS
    ) -> None:
        self._writer = writer
        self._to_table = to_table
        self._rows = rows
        self._pending: list[Prediction] = []

    def write(self, prediction: Prediction) -> None:
        """Add the next protein."""
        self._pending.append(prediction)
        if len(self._pending) >= self._rows:
            self.flush()

    def flush(self) -> None:
        """Write the collected proteins as one row group."""
        if self._pending:
            self._writer.write_table(self._to_table(self._pending))
            self._pending = []


@contextmanager
def open_predictions_parquet(
    path: str | PathLike[str], extras: Sequence[str] = (), scheme: LabelScheme = SIX
) -> Iterator[ParquetFile]:
    """Open ``predictions.parquet``: one row per protein with everything known about it.

    Columns: id, sequence, labels, type, confidence, the probability of each type, metadata and
    topo's own keys such as the fold (both JSON text), and probabilities as a list (R) of lists of
    float32 in the order of the scheme's labels. ``extras`` are keys of :data:`_EXTRAS`, for more
    columns.
    """
    pa = import_pyarrow()
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("sequence", pa.string()),
            ("labels", pa.string()),
            ("type", pa.string()),
            ("confidence", pa.float32()),
            *((f"p_{kind}", pa.float32()) for kind in scheme.type_names),
            ("metadata", pa.string()),
            ("protein", pa.string()),
            ("probabilities", pa.list_(pa.list_(pa.float32(), len(scheme.letters)))),
            *((_EXTRAS[extra], pa.string()) for extra in extras),
        ]
    )

    def to_table(predictions: list[Prediction]) -> Any:
        columns: dict[str, Any] = {
            name: [getattr(p, name) for p in predictions]
            for name in ("id", "sequence", "labels", "type", "confidence")
        }
        columns |= _type_columns(predictions, scheme)
        columns["metadata"] = [json.dumps(dict(p.metadata), default=str) for p in predictions]
        columns["protein"] = [json.dumps(own_keys(p), default=str) for p in predictions]
        columns["probabilities"] = _probability_lists(pa, predictions, len(scheme.letters))
        for name in (_EXTRAS[extra] for extra in extras):
            found = [conditional_fields(p).get(name) for p in predictions]
            columns[name] = [None if value is None else json.dumps(value) for value in found]
        return pa.table(columns, schema=schema)

    with _open(path, schema, to_table) as file:
        yield file


@contextmanager
def open_compact_parquet(
    path: str | PathLike[str], probabilities: bool = False
) -> Iterator[ParquetFile]:
    """Open a file with one compact row per protein, for very many proteins.

    Columns: id, md5 (of the sequence, hexadecimal), length, type, the probability of each type,
    confidence, cleavage (last residue of the signal peptide, or null) and segments, a list of
    (label, start, end) with residues from 1, inclusive; with ``probabilities`` also these, as in
    :func:`open_predictions_parquet`.
    """
    pa = import_pyarrow()
    segment = pa.struct([("label", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
    fields = [
        ("id", pa.string()),
        ("md5", pa.string()),
        ("length", pa.int32()),
        ("type", pa.string()),
        *((f"p_{kind}", pa.float32()) for kind in SIX.type_names),
        ("confidence", pa.float32()),
        ("cleavage", pa.int32()),
        ("segments", pa.list_(segment)),
    ]
    if probabilities:
        fields.append(("probabilities", pa.list_(pa.list_(pa.float32(), len(SIX.letters)))))
    schema = pa.schema(fields)

    def to_table(predictions: list[Prediction]) -> Any:
        segments = [p.segments for p in predictions]
        columns: dict[str, Any] = {
            "id": [p.id for p in predictions],
            "md5": [sequence_md5(p.sequence) for p in predictions],
            "length": [len(p) for p in predictions],
            "type": [p.type for p in predictions],
            **_type_columns(predictions, SIX),
            "confidence": [p.confidence for p in predictions],
            "cleavage": [signal_peptide_end(found) for found in segments],
            "segments": [
                [{"label": s.label, "start": s.start + 1, "end": s.end} for s in found]
                for found in segments
            ],
        }
        if probabilities:
            columns["probabilities"] = _probability_lists(pa, predictions, len(SIX.letters))
        return pa.table(columns, schema=schema)

    rows = _ROWS if probabilities else _ROWS_WITHOUT_PROBABILITIES
    with _open(path, schema, to_table, rows) as file:
        yield file


def merge_parquet(parts: Iterable[str | PathLike[str]], path: str | PathLike[str]) -> int:
    """Write the rows of files with equal columns to one file, one row group at a time.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    TopoError
        If there is no file, one is damaged or has other columns, or pyarrow is missing.
    """
    import_pyarrow()
    from pyarrow import parquet

    rows, writer = 0, None
    with atomic_path(path) as temporary:
        try:
            for part in parts:
                with _reader(part) as file:
                    writer = writer or parquet.ParquetWriter(
                        temporary, file.schema_arrow, compression="zstd"
                    )
                    if file.schema_arrow != writer.schema:
                        raise InputError(part, "found other columns than in the files before it")
                    for group in range(file.num_row_groups):
                        table = file.read_row_group(group)
                        writer.write_table(table)
                        rows += table.num_rows
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise TopoError(f"{path}: found no files to merge")
    return rows


def count_rows(path: str | PathLike[str]) -> int:
    """Return the number of rows of a Parquet file.

    Raises
    ------
    InputError
        If it is none.
    """
    with _reader(path) as file:
        return file.metadata.num_rows


@contextmanager
def _reader(path: str | PathLike[str]) -> Iterator[Any]:
    """Open a Parquet file for reading; damaged content is an :class:`InputError`."""
    pa = import_pyarrow()
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise InputError(path, "found no Parquet file that can be read") from None
    with file:
        yield file


@contextmanager
def open_probabilities_parquet(
    path: str | PathLike[str], scheme: LabelScheme = SIX
) -> Iterator[ParquetFile]:
    """Open ``probabilities.parquet``: one row per residue.

    Columns: id, position (from 1), residue, label, and one float32 column for each label.
    """
    pa = import_pyarrow()
    schema = pa.schema(
        [
            ("id", pa.dictionary(pa.int32(), pa.string())),
            ("position", pa.int32()),
            ("residue", pa.string()),
            ("label", pa.string()),
            *((label, pa.float32()) for label in scheme.letters),
        ]
    )

    def to_table(predictions: list[Prediction]) -> Any:
        known = [p for p in predictions if p.probabilities is not None]
        tables = [p.probabilities for p in predictions if p.probabilities is not None]
        lengths = [len(p) for p in known]
        codes = np.repeat(np.arange(len(known), dtype=np.int32), lengths)
        stacked = np.concatenate(tables or [np.zeros((0, len(scheme.letters)))])
        columns = {
            "id": pa.DictionaryArray.from_arrays(
                pa.array(codes, pa.int32()), pa.array([p.id for p in known], pa.string())
            ),
            "position": np.concatenate([np.arange(1, n + 1) for n in lengths] or [[]]),
            "residue": list("".join(p.sequence for p in known)),
            "label": list("".join(p.labels for p in known)),
            **{label: stacked[:, index] for index, label in enumerate(scheme.letters)},
        }
        return pa.table(columns, schema=schema)

    with _open(path, schema, to_table) as file:
        yield file


def _type_columns(
    predictions: list[Prediction], scheme: LabelScheme
) -> dict[str, list[float | None]]:
    """Return the columns of the type probabilities by name."""
    return {
        f"p_{kind}": [
            None if p.type_probabilities is None else float(p.type_probabilities[index])
            for p in predictions
        ]
        for index, kind in enumerate(scheme.type_names)
    }


def _probability_lists(pa: Any, predictions: list[Prediction], letters: int) -> Any:
    """Build the nested column without a Python object for each number."""
    tables = [p.probabilities for p in predictions]
    lengths = [0 if table is None else len(table) for table in tables]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    known = [np.ravel(table).astype(np.float32) for table in tables if table is not None]
    values = pa.FixedSizeListArray.from_arrays(
        pa.array(np.concatenate(known or [np.empty(0, np.float32)])), letters
    )
    missing = pa.array([table is None for table in tables], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=missing)


def import_pyarrow() -> Any:
    """Return the module pyarrow.

    Raises
    ------
    TopoError
        If it is not installed; the message says how to install it.
    """
    return import_extra("pyarrow", "Parquet files need pyarrow", "parquet")


@contextmanager
def _open(
    path: str | PathLike[str],
    schema: Any,
    to_table: Callable[[list[Prediction]], Any],
    rows: int = _ROWS,
) -> Iterator[ParquetFile]:
    from pyarrow import parquet

    with (
        atomic_path(path) as temporary,
        parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        file = ParquetFile(writer, to_table, rows)
        yield file
        file.flush()
