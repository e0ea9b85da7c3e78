"""Files of numeric sequences: ``.npz`` of NumPy, and HDF5.

An ``.npz`` file has the arrays

===========  ==================  =============================================================
name         shape               content
===========  ==================  =============================================================
``values``   (R, D) or (N, L, D) values; the sequences one after another, or of equal lengths
``lengths``  (N,)                number of steps of each sequence, with values (R, D)
``classes``  (N,)                class of each sequence, text or integers (optional)
``labels``   (R,) or (N, L)      letter of each step, ``-`` where unknown (optional)
``ids``      (N,)                identifiers; by default numbers from 1 (optional)
``folds``    (N,)                folds (optional)
===========  ==================  =============================================================

An HDF5 file has a data set of shape (L, D) for each sequence, by id, with the attributes ``class``,
``labels`` (a text of L letters) and ``fold``, each optional.
"""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from topo.errors import InputError
from topo.io.files import atomic_path
from topo.io.hdf5 import DAMAGE, attribute, dataset, keys, open_file, reason_of
from topo.io.streams import check_expansion
from topo.sequences.records import NumericSequence

SUFFIXES = (".npz", ".h5", ".hdf5")
"""Suffixes of files of numeric sequences."""

_DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, RuntimeError, NotImplementedError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, SyntaxError, OverflowError, MemoryError),
    *(tokenize.TokenError, RecursionError),
)
"""Errors of NumPy and zipfile for damaged or encrypted files."""

_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

_NAMES = {"values", "lengths", "classes", "labels", "ids", "folds"}


def read_sequences(path: str | PathLike[str]) -> list[NumericSequence]:
    """Read numeric sequences.

    Raises
    ------
    InputError
        If the file is missing or damaged, or its arrays do not fit each other.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(path, f"found the suffix {suffix!r}, expected {', '.join(SUFFIXES)}")
    if not Path(path).is_file():
        what = "found no regular file" if Path(path).exists() else "cannot be read (no such file)"
        raise InputError(path, what)
    found = _read_npz(path) if suffix == ".npz" else _read_hdf5(path)
    if not found:
        raise InputError(path, "found no sequences")
    widths = {record.values.shape[1] for record in found}
    if 0 in widths:
        raise InputError(path, "found steps of 0 values, expected one or more")
    if len(widths) > 1:
        raise InputError(path, f"found steps of {min(widths)} and of {max(widths)} values")
    for record in found:
        if not np.isfinite(record.values).all():
            row, column = np.argwhere(~np.isfinite(record.values))[0]
            raise InputError(
                path,
                f"{record.id}: found {record.values[row, column]} in value {column + 1} of step "
                f"{row + 1}, expected finite numbers",
            )
    return found


def write_sequences(path: str | PathLike[str], records: Sequence[NumericSequence]) -> None:
    """Write sequences as ``.npz``, see the module docstring; the file is replaced at once."""
    arrays: dict[str, Any] = {
        "values": np.concatenate([record.values for record in records]).astype(np.float32),
        "lengths": np.array([len(record) for record in records]),
        "ids": np.array([record.id for record in records]),
    }
    if all(record.target is not None for record in records):
        arrays["classes"] = np.array([record.target for record in records])
    if all(record.labels is not None for record in records):
        arrays["labels"] = np.array([*"".join(record.labels or "" for record in records)])
    if all(record.fold is not None for record in records):
        arrays["folds"] = np.array([record.fold for record in records])
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def _check_sizes(path: str | PathLike[str]) -> None:
    """Check the sizes of the arrays before any is read."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            check_expansion(path, member.file_size, member.compress_size)
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                shape, _, kind = _HEADERS[version](stream)
                if math.prod(shape) * kind.itemsize > member.file_size:
                    raise ValueError("an array of more values than the file holds")


def _read_npz(path: str | PathLike[str]) -> list[NumericSequence]:
    try:
        _check_sizes(path)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except _DAMAGE:
        raise InputError(path, "expected a file of NumPy arrays without Python objects") from None
    if "values" not in arrays or {*arrays} - _NAMES:
        names = ", ".join(sorted(arrays)) or "none"
        raise InputError(
            path, f"found the arrays {names}, expected values and of {', '.join(sorted(_NAMES))}"
        )
    values, lengths = arrays["values"], arrays.get("lengths")
    if values.dtype.kind not in "fiu":
        raise InputError(path, f"values: found {values.dtype}, expected numbers")
    if values.ndim == 3 and lengths is None:
        lengths = np.full(len(values), values.shape[1])
        values = values.reshape(values.shape[0] * values.shape[1], values.shape[2])
    if values.ndim != 2 or lengths is None or lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise InputError(
            path,
            f"values: found the shape {arrays['values'].shape}, expected (sequences, steps, "
            "values), or (steps, values) with an array lengths",
        )
    total = sum(lengths.tolist())  # that of NumPy can overflow
    if (lengths < 1).any() or total != len(values):
        raise InputError(path, f"lengths: found {total} steps in all, expected {len(values)}")
    columns = {
        name: _column(path, arrays, name, len(lengths)) for name in ("ids", "classes", "folds")
    }
    labels = _labels(path, arrays.get("labels"), len(values))
    ends = np.cumsum(lengths)
    return [
        NumericSequence(
            (columns["ids"] or [])[i] if columns["ids"] else str(i + 1),
            values[end - size : end].astype(np.float32),
            columns["classes"][i] if columns["classes"] else None,
            labels[end - size : end] if labels is not None else None,
            columns["folds"][i] if columns["folds"] else None,
        )
        for i, (size, end) in enumerate(zip(lengths.tolist(), ends.tolist(), strict=True))
    ]


def _column(
    path: str | PathLike[str], arrays: dict[str, np.ndarray], name: str, count: int
) -> list[str] | None:
    if name not in arrays:
        return None
    if arrays[name].shape != (count,):
        raise InputError(path, f"{name}: found the shape {arrays[name].shape}, expected ({count},)")
    return [str(value) for value in arrays[name].tolist()]


def _labels(path: str | PathLike[str], labels: np.ndarray | None, steps: int) -> str | None:
    if labels is None:
        return None
    letters = [str(letter) or "-" for letter in labels.ravel().tolist()]
    if len(letters) != steps:
        raise InputError(
            path, f"labels: found {len(letters)}, expected one for each of {steps} steps"
        )
    if long := [letter for letter in letters if len(letter) > 1]:
        raise InputError(path, f"labels: found {long[0]!r}, expected single characters")
    return "".join(letters)


def _read_hdf5(path: str | PathLike[str]) -> list[NumericSequence]:
    with open_file(path) as file:
        return [_record(path, name, dataset(file, name, path)) for name in keys(file, path)]


def _record(path: str | PathLike[str], name: str, entry: Any) -> NumericSequence:
    """Read a data set with its attributes."""
    if len(entry.shape or ()) != 2 or entry.dtype.kind not in "fiu":
        raise InputError(path, f"{name}: expected numbers of shape (steps, values)")
    kind, labels, fold = (attribute(entry, key) for key in ("class", "labels", "fold"))
    if labels is not None and len(labels) != entry.shape[0]:
        raise InputError(path, f"{name}: found {len(labels)} labels for {entry.shape[0]} steps")
    with np.errstate(over="ignore"):  # an infinite number is named later
        try:
            values = np.asarray(entry[:], np.float32)
        except DAMAGE as error:
            raise InputError(path, f"{name}: cannot be read ({reason_of(error)})") from None
    return NumericSequence(name, values, kind, labels, fold)
