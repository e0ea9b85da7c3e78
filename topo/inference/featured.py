"""Features of a file attached to the proteins of a prediction."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Protocol

from topo.checkpoint import Checkpoint
from topo.errors import ConfigError, InputWarning
from topo.io.features import FeatureFile
from topo.io.files import atomic_text
from topo.io.ids import plain_id
from topo.io.records import Fault
from topo.protein import Protein

MISSING_FILE = "missing_features.txt"
"""Name of the list of proteins without features in an output folder."""


class FaultyRecords(Protocol):
    """Proteins that can be iterated several times, and the faults of those left out."""

    @property
    def faults(self) -> Sequence[Fault]:
        """Faults of the records that the last iteration left out."""
        ...

    def __iter__(self) -> Iterator[Protein]:
        """Return an iterator over the proteins."""
        ...


class KnownFeatures:
    """Features for the proteins of a prediction.

    Parameters
    ----------
    path
        Path to an HDF5 file (:mod:`topo.io.features`), or None.
    missing
        ``refuse`` or ``mask``, as for :meth:`topo.io.features.FeatureFile.attach`.

    Raises
    ------
    TopoError
        If the file cannot be read, or ``missing`` has another value.
    """

    def __init__(self, path: str | PathLike[str] | None, missing: str = "refuse") -> None:
        if missing not in ("refuse", "mask"):
            raise ConfigError(f"--missing-features: found {missing!r}, expected refuse or mask")
        self._file = None if path is None else FeatureFile(path)
        self._missing = missing

    def write_missing(self, folder: Path) -> Path | None:
        """Write the ids that the last iteration found no features for, and return the file."""
        if self._file is None or not self._file.missing:
            return None
        path = folder / MISSING_FILE
        with atomic_text(path) as file:
            file.writelines(f"{plain_id(name)}\n" for name in self._file.missing)
        return path

    def check(self, checkpoint: Checkpoint) -> None:
        """Check that a model can read the features; warn if it lacks those it was trained with.

        Raises
        ------
        ConfigError
            If it cannot.
        """
        features = checkpoint.config.graph.features
        if self._file is not None:
            self._file.check(features.width, features.name)
        elif features.width:
            name = f" of {features.name}" if features.name else ""
            warnings.warn(
                f"the model was trained with features{name}, expected --features; without them "
                "its predictions are less accurate",
                InputWarning,
                stacklevel=2,
            )

    def over(self, inputs: FaultyRecords) -> FaultyRecords:
        """Return an input whose proteins have their features at each iteration."""
        return inputs if self._file is None else _Featured(inputs, self)

    def attach(self, proteins: Iterable[Protein]) -> Iterable[Protein]:
        """Return the proteins with their features; see :class:`FeatureFile`."""
        return proteins if self._file is None else self._file.attach(proteins, self._missing)


class _Featured:
    """Input whose proteins have features."""

    def __init__(self, inputs: FaultyRecords, features: KnownFeatures) -> None:
        self._inputs, self._features = inputs, features

    @property
    def faults(self) -> Sequence[Fault]:
        return self._inputs.faults

    def __iter__(self) -> Iterator[Protein]:
        yield from self._features.attach(self._inputs)
