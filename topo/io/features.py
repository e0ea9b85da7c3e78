"""Features of residues in HDF5 files, e.g. embeddings of protein language models.

A file has a data set of shape (R, D) for each protein, of floating-point numbers. Its keys are
those that programs of the field write:

============  ====================================================================
key           value
============  ====================================================================
id            id of the record, or a part of it between pipes (an accession)
md5           MD5 of the sequence (TMbed)
sha256        SHA-256 of ``SEQUENCE_LENGTH`` (biotrainer)
original_id   attribute ``original_id`` of the data set, with any key (bio_embeddings)
============  ====================================================================

Nothing but the keys is read before a protein's features are needed.
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from topo.errors import ConfigError, InputError, InputWarning
from topo.io.hdf5 import DAMAGE, attribute, dataset, is_inside, keys, open_file, reason_of
from topo.io.summary import sequence_md5
from topo.protein import Protein

if TYPE_CHECKING:
    import h5py  # pyright: ignore[reportMissingImports] - of an extra

KEYS = ("id", "md5", "sha256")
"""Conventions of keys that a file as a whole can have."""

_SHOWN = 10
_DIGESTS = {32: "md5", 64: "sha256"}


@dataclass(frozen=True)
class StoredFeatures:
    """Features of one protein in a file; slices of rows are read from the file.

    Parameters
    ----------
    path
        Path to the file.
    key
        Key of the data set.
    shape
        Numbers of residues and of features.
    stamp
        Size and time of the last change of the file, to tell its versions apart.
    name
        Name of the protein in errors.
    """

    path: str
    key: str
    shape: tuple[int, ...]
    stamp: tuple[int, int]
    name: str

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Read rows, float32.

        Raises
        ------
        InputError
            If they cannot be read, or hold a value that is not a finite number.
        """
        try:
            found: Any = _opened(self.path, self.stamp)[self.key]
            with np.errstate(over="ignore"):  # an infinite number is named below
                values = np.asarray(found[rows], dtype=np.float32)
        except DAMAGE as error:
            raise InputError(
                self.path, f"{self.name}: cannot be read ({reason_of(error)})"
            ) from None
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            residue = (rows.start or 0) + row + 1
            raise InputError(
                self.path,
                f"{self.name}: found {values[row, column]} in feature {column + 1} of residue "
                f"{residue}, expected finite numbers",
            )
        return values

    @property
    def identity(self) -> bytes:
        """Bytes that are equal for the same data set of the same file only."""
        return repr((self.stamp, self.key)).encode()


class FeatureFile:
    """HDF5 file of features, see the module docstring for its keys.

    Parameters
    ----------
    path
        Path to the file.

    Attributes
    ----------
    width
        Number of features of a residue.
    name
        Name of the model that computed the features (attribute ``model`` of the file), or None.
    missing
        Ids of the proteins without features that :meth:`attach` has met.

    Raises
    ------
    TopoError
        If the package h5py is not installed.
    InputError
        If the file cannot be read, is truncated or holds no features of residues.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = str(path)
        self._stamp = _stamp(self.path)
        self.file = _opened(self.path, self._stamp)
        first = next(keys(self.file, self.path), None)
        if first is None:
            raise InputError(self.path, "found no data sets, expected one for each protein")
        self.width = self._shape(first)[1]
        self._first = first
        self.name = attribute(self.file, "model")
        self.missing: list[str] = []

    @property
    def keys(self) -> str:
        """Convention of the keys, one of :data:`KEYS`, by the first key."""
        plain = re.fullmatch(r"[0-9a-f]+", self._first)
        return _DIGESTS.get(len(self._first), "id") if plain else "id"

    def find(self, protein: Protein) -> str | None:
        """Return the key of a protein, or None."""
        for key in _keys(protein):
            if key not in (".", "/") and is_inside(self.file, key) and key in self.file:
                return key
        for name in (protein.id, *protein.id.split("|")):
            if name and name in self._original_ids:
                return self._original_ids[name]
        return None

    def of(self, protein: Protein) -> StoredFeatures | None:
        """Return the features of a protein, or None.

        Raises
        ------
        InputError
            If there is not one row of :attr:`width` numbers for each residue.
        """
        key = self.find(protein)
        if key is None:
            return None
        name = protein.id if key == protein.id else f"{protein.id} ({key})"
        shape = self._shape(key, name)
        if shape != (len(protein), self.width):
            raise InputError(
                self.path,
                f"{name}: found features of shape {shape}, expected ({len(protein)}, {self.width})",
            )
        return StoredFeatures(self.path, key, shape, self._stamp, name)

    def attach(self, proteins: Iterable[Protein], missing: str = "refuse") -> Iterator[Protein]:
        """Yield the proteins with their features.

        Parameters
        ----------
        proteins
            Proteins.
        missing
            ``refuse`` raises an error at the end if proteins have no features; ``mask`` issues a
            warning and yields them without features.

        Raises
        ------
        InputError
            If features do not fit their protein, or are missing.
        """
        self.missing.clear()
        count = 0
        for protein in proteins:
            count += 1
            features = self.of(protein)
            if features is None:
                self.missing.append(protein.id)
            yield protein if features is None else replace(protein, features=features)
        if not self.missing:
            return
        shown = ", ".join(self.missing[:_SHOWN])
        more = len(self.missing) - _SHOWN
        rest = f" and {more:,} more" if more > 0 else ""
        text = f"found no features for {len(self.missing):,} of {count:,} proteins: {shown}{rest}"
        if missing == "refuse":
            raise InputError(
                self.path, f"{text}; --missing-features mask reads them without features"
            )
        warnings.warn(f"{self.path}: {text}; read without", InputWarning, stacklevel=2)

    def check(self, width: int, name: str | None = None) -> None:
        """Check that a model can read the features.

        Parameters
        ----------
        width
            Number of features that the model reads.
        name
            Name of the features that it was trained with, if known.

        Raises
        ------
        ConfigError
            If it cannot.
        """
        if not width:
            raise ConfigError(
                f"{self.path}: the model reads no features, expected one that was trained with "
                "--features"
            )
        if name is not None and self.name is not None and name != self.name:
            raise ConfigError(
                f"{self.path}: found features of {self.name}, expected those of {name}, which the "
                "model was trained with"
            )
        if self.width != width:
            raise ConfigError(
                f"{self.path}: found {self.width} features for each residue, expected {width}, as "
                "the model reads"
            )

    @cached_property
    def _original_ids(self) -> dict[str, str]:
        """Keys by the attribute ``original_id``, by its parts, and by parts of the keys."""
        found: dict[str, str] = {}
        for key in keys(self.file, self.path):
            name = attribute(dataset(self.file, key, self.path), "original_id") or str(key)
            for part in (name, *name.split("|")):
                found.setdefault(part, str(key))
        return found

    def _shape(self, key: str, name: str | None = None) -> tuple[int, ...]:
        """Return the shape of a data set, which has two axes of floating-point numbers."""
        name = name or key
        entry = dataset(self.file, key, self.path, name)
        shape, kind = entry.shape, entry.dtype
        if shape is None or len(shape) != 2 or kind.kind != "f":
            raise InputError(
                self.path,
                f"{name}: found {kind} of shape {shape}, expected floating-point numbers of shape "
                "(residues, features)",
            )
        return tuple(map(int, shape))


def sequence_sha256(sequence: str) -> str:
    """Return the key of a sequence in files of biotrainer."""
    return hashlib.sha256(f"{sequence}_{len(sequence)}".encode()).hexdigest()


def _keys(protein: Protein) -> Iterator[str]:
    yield protein.id
    yield sequence_md5(protein.sequence)
    yield sequence_sha256(protein.sequence)
    yield from (part for part in protein.id.split("|") if part)


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(path, f"cannot be read ({reason})") from None
    if os.path.isdir(path):
        raise InputError(path, "found a folder, expected an HDF5 file")
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=4)
def _opened(path: str, stamp: tuple[int, int]) -> h5py.File:
    """Open a file; every process keeps the last ones open."""
    return open_file(path)
