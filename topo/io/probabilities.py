"""Files of per-residue probabilities: one CSV per protein as DeepTMHMM writes, or one NPZ.

Text has 5 decimals, rounded so that every row still sums to 1; NPZ has the float32 values
unchanged.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from os import PathLike
from pathlib import Path

import numpy as np

from topo.io.files import atomic_path, atomic_text
from topo.io.ids import FileNames, plain_id
from topo.labels import LABEL_INDEX
from topo.protein import Prediction

_UNITS = 100_000
_CSV_HEADER = "#AA,Beta,Periplasm,Membrane,Inside,Outside,Signal"
_CSV_ORDER = [LABEL_INDEX[label] for label in "BPMIOS"]


@cache
def _decimals() -> list[str]:
    """Return every multiple of 0.00001 as text: ``0.0``, ``0.00001`` ... ``1.0``."""
    whole = (f"{unit / _UNITS:.5f}".rstrip("0") for unit in range(_UNITS + 1))
    return [text + "0" if text.endswith(".") else text for text in whole]


def to_units(probabilities: np.ndarray) -> np.ndarray:
    """Round rows to multiples of 0.00001 that sum to exactly 1 (largest remainders are rounded up).

    Parameters
    ----------
    probabilities
        Shape (R, C), rows that sum to about 1.

    Returns
    -------
    numpy.ndarray
        int64, shape (R, C), in units of 0.00001.
    """
    exact = probabilities.astype(np.float64).clip(0, None)
    exact *= _UNITS / exact.sum(axis=1, keepdims=True).clip(1e-12, None)
    units = np.floor(exact)
    missing = _UNITS - units.sum(axis=1, keepdims=True)
    rank = np.argsort(np.argsort(units - exact, axis=1, kind="stable"), axis=1)
    return (units + (rank < missing)).astype(np.int64)


def rounded(probabilities: np.ndarray) -> list[list[str]]:
    """Format probabilities (R, C) with 5 decimals; every row still sums to 1."""
    decimals = _decimals()
    return [[decimals[unit] for unit in row] for row in to_units(probabilities).tolist()]


def csv_text(prediction: Prediction) -> str:
    """Format DeepTMHMM's ``ID_probs.csv``: residue number from 0, residue, six probabilities.

    Raises
    ------
    ValueError
        If the prediction has no probabilities.
    """
    if prediction.probabilities is None:
        raise ValueError(f"{prediction.id} has no probabilities")
    rows = rounded(prediction.probabilities[:, _CSV_ORDER])
    body = "".join(
        [
            f"{index} {residue},{','.join(row)}\n"
            for index, (residue, row) in enumerate(zip(prediction.sequence, rows, strict=True))
        ]
    )
    return f"# {plain_id(prediction.id)}\n{_CSV_HEADER}\n{body}"


class CsvFolder:
    """Writer of ``NAME_probs.csv`` for each protein that has probabilities.

    Parameters
    ----------
    folder
        Path to the output folder.

    Attributes
    ----------
    names
        Pairs of id and file name, for the proteins whose file name differs from the id.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[tuple[str, str]] = []
        self._files = FileNames()

    def write(self, prediction: Prediction) -> None:
        """Write the next protein's file."""
        name = self._files.name(prediction.id)
        if name != prediction.id:
            self.names.append((prediction.id, f"{name}_probs.csv"))
        if prediction.probabilities is not None:
            with atomic_text(self.folder / f"{name}_probs.csv") as stream:
                stream.write(csv_text(prediction))


class NpzFile:
    """Writer of one array per protein, (R, 6) float32, under its id.

    Ids are changed as file names are (a repeated id becomes ``id-2``), but ``|`` is kept.

    Parameters
    ----------
    archive
        Open archive.

    Attributes
    ----------
    names
        Pairs of id and member, for the proteins whose member name differs from the id.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.names: list[tuple[str, str]] = []
        self._archive = archive
        self._files = FileNames(keep="|")

    def write(self, prediction: Prediction) -> None:
        """Append the next protein's array."""
        if prediction.probabilities is None:
            return
        name = self._files.name(prediction.id)
        if name != prediction.id:
            self.names.append((prediction.id, f"{name}.npy"))
        with self._archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, prediction.probabilities.astype(np.float32))


@contextmanager
def open_npz(path: str | PathLike[str]) -> Iterator[NpzFile]:
    """Open ``probabilities.npz`` for writing; ``numpy.load`` reads it."""
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        yield NpzFile(archive)
