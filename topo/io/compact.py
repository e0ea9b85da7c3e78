"""Compact formats of predictions, one row per protein, for very many proteins.

``parquet`` is described at :func:`topo.io.parquet.open_compact_parquet`. ``tsv`` has the columns of
``summary.tsv`` and the MD5 of the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import TextIO

from topo.errors import InputError, TopoError
from topo.io.files import atomic_text, open_text
from topo.io.parquet import count_rows, import_pyarrow, merge_parquet, open_compact_parquet
from topo.io.summary import summary_header, summary_records
from topo.io.writers import Writer
from topo.protein import Prediction

SUFFIXES = {"parquet": ".parquet", "tsv": ".tsv"}
"""Endings of file names by format."""

_HEADER = summary_header(["md5"])


def check_compact(name: str, probabilities: bool) -> None:
    """Check that a compact format exists and that its package is installed.

    Raises
    ------
    TopoError
        If it does not, or cannot hold probabilities per residue.
    """
    if name not in SUFFIXES:
        raise TopoError(f"found format {name!r} of shards, expected {' or '.join(SUFFIXES)}")
    if name == "tsv" and probabilities:
        raise TopoError("format tsv has no probabilities per residue, expected --format parquet")
    if name == "parquet":
        try:
            import_pyarrow()
        except TopoError as error:
            raise TopoError(f"{error}; --format tsv needs nothing") from None


@contextmanager
def open_compact(
    path: str | PathLike[str], name: str, probabilities: bool = False
) -> Iterator[Writer]:
    """Open a file of a compact format, which appears when the block ends without an error."""
    if name == "parquet":
        with open_compact_parquet(path, probabilities) as file:
            yield _InSix(file)
    else:
        with atomic_text(path) as stream:
            stream.write(_HEADER)
            yield _InSix(_Table(stream))


def merge_compact(
    parts: Sequence[str | PathLike[str]], name: str, path: str | PathLike[str]
) -> int:
    """Join files of a compact format in their order, and return the number of rows."""
    if name == "parquet":
        return merge_parquet(parts, path)
    rows = 0
    with atomic_text(path) as stream:
        stream.write(_HEADER)
        for part in parts:
            for row in _rows(part):
                stream.write(row)
                rows += 1
    return rows


def count_compact(path: str | PathLike[str], name: str) -> int:
    """Return the number of proteins of a file of a compact format."""
    return count_rows(path) if name == "parquet" else sum(1 for _ in _rows(path))


class _InSix:
    """Writer of predictions in the six labels."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, prediction: Prediction) -> None:
        """Write the next protein."""
        self._writer.write(prediction.in_six())


class _Table:
    """Writer of the rows of a table."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._record = stream, summary_records(["md5"])

    def write(self, prediction: Prediction) -> None:
        """Write the row of the next protein."""
        self._stream.write(self._record(prediction))


def _rows(path: str | PathLike[str]) -> Iterator[str]:
    """Yield the rows of a table after its header."""
    with open_text(path) as file:
        if next(file, "") != _HEADER:
            raise InputError(path, "found another first line, expected that of a shard", 1)
        yield from file
