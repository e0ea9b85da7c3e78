"""Parquet files of predictions and probabilities (needs the optional package pyarrow)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np

from topo.errors import TopoError
from topo.io.files import atomic_path
from topo.io.jsonl import conditional_fields
from topo.labels import LABELS, TYPES
from topo.protein import Prediction, own_keys

_ROWS = 500
"""Proteins in a row group: about 5 MB of probabilities, enough to compress well."""

_EXTRAS = {"constraints": "constraint_log_probability", "alternatives": "alternatives"}
"""Columns with JSON text of runs with constraints or alternatives, named as in JSON lines."""


class ParquetFile:
    """Writer that collects proteins and writes them as row groups.

    Parameters
    ----------
    writer
        An open ``pyarrow.parquet.ParquetWriter``.
    to_table
        Function that converts predictions to a table of the writer's schema.
    """

    def __init__(self, writer: Any, to_table: Callable[[list[Prediction]], Any]) -> None:
        self._writer = writer
        self._to_table = to_table
        self._pending: list[Prediction] = []

    def write(self, prediction: Prediction) -> None:
        """Add the next protein."""
        self._pending.append(prediction)
        if len(self._pending) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the collected proteins as one row group."""
        if self._pending:
            self._writer.write_table(self._to_table(self._pending))
            self._pending = []


@contextmanager
def open_predictions_parquet(
    path: str | PathLike[str], extras: Sequence[str] = ()
) -> Iterator[ParquetFile]:
    """Open ``predictions.parquet``: one row per protein with everything known about it.

    Columns: id, sequence, labels, type, confidence, the probability of each type, metadata and
    topo's own keys such as the fold (both JSON text), and probabilities as a list (R) of lists of
    6 float32 in the order I O P S M B. ``extras`` are keys of :data:`_EXTRAS`, for more columns.
    """
    pa = import_pyarrow()
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("sequence", pa.string()),
            ("labels", pa.string()),
            ("type", pa.string()),
            ("confidence", pa.float32()),
            *((f"p_{kind}", pa.float32()) for kind in TYPES),
            ("metadata", pa.string()),
            ("protein", pa.string()),
            ("probabilities", pa.list_(pa.list_(pa.float32(), len(LABELS)))),
            *((_EXTRAS[extra], pa.string()) for extra in extras),
        ]
    )

    def to_table(predictions: list[Prediction]) -> Any:
        columns: dict[str, Any] = {
            name: [getattr(p, name) for p in predictions]
            for name in ("id", "sequence", "labels", "type", "confidence")
        }
        for index, kind in enumerate(TYPES):
            columns[f"p_{kind}"] = [
                None if p.type_probabilities is None else float(p.type_probabilities[index])
                for p in predictions
            ]
        columns["metadata"] = [json.dumps(dict(p.metadata), default=str) for p in predictions]
        columns["protein"] = [json.dumps(own_keys(p), default=str) for p in predictions]
        columns["probabilities"] = _probability_lists(pa, predictions)
        for name in (_EXTRAS[extra] for extra in extras):
            found = [conditional_fields(p).get(name) for p in predictions]
            columns[name] = [None if value is None else json.dumps(value) for value in found]
        return pa.table(columns, schema=schema)

    with _open(path, schema, to_table) as file:
        yield file


@contextmanager
def open_probabilities_parquet(path: str | PathLike[str]) -> Iterator[ParquetFile]:
    """Open ``probabilities.parquet``: one row per residue.

    Columns: id, position (from 1), residue, label, and one float32 column for each of I O P S M B.
    """
    pa = import_pyarrow()
    schema = pa.schema(
        [
            ("id", pa.dictionary(pa.int32(), pa.string())),
            ("position", pa.int32()),
            ("residue", pa.string()),
            ("label", pa.string()),
            *((label, pa.float32()) for label in LABELS),
        ]
    )

    def to_table(predictions: list[Prediction]) -> Any:
        known = [p for p in predictions if p.probabilities is not None]
        tables = [p.probabilities for p in predictions if p.probabilities is not None]
        lengths = [len(p) for p in known]
        codes = np.repeat(np.arange(len(known), dtype=np.int32), lengths)
        stacked = np.concatenate(tables or [np.zeros((0, len(LABELS)))])
        columns = {
            "id": pa.DictionaryArray.from_arrays(
                pa.array(codes, pa.int32()), pa.array([p.id for p in known], pa.string())
            ),
            "position": np.concatenate([np.arange(1, n + 1) for n in lengths] or [[]]),
            "residue": list("".join(p.sequence for p in known)),
            "label": list("".join(p.labels for p in known)),
            **{label: stacked[:, index] for index, label in enumerate(LABELS)},
        }
        return pa.table(columns, schema=schema)

    with _open(path, schema, to_table) as file:
        yield file


def _probability_lists(pa: Any, predictions: list[Prediction]) -> Any:
    """Build the nested column without a Python object for each number."""
    tables = [p.probabilities for p in predictions]
    lengths = [0 if table is None else len(table) for table in tables]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    known = [np.ravel(table).astype(np.float32) for table in tables if table is not None]
    values = pa.FixedSizeListArray.from_arrays(
        pa.array(np.concatenate(known or [np.empty(0, np.float32)])), len(LABELS)
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
    try:
        import pyarrow
    except ImportError:
        raise TopoError(
            "Parquet files need pyarrow: pip install 'topo-membrane[parquet]'"
        ) from None
    return pyarrow


@contextmanager
def _open(
    path: str | PathLike[str], schema: Any, to_table: Callable[[list[Prediction]], Any]
) -> Iterator[ParquetFile]:
    from pyarrow import parquet

    with (
        atomic_path(path) as temporary,
        parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        file = ParquetFile(writer, to_table)
        yield file
        file.flush()
