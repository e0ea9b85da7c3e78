"""Manifest of a folder of shards: inputs, options, and the proteins of each shard.

The manifest is written once, before the first shard is predicted, and never changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from topo.errors import InputError, TopoError
from topo.inference.resume import first_difference
from topo.io.compact import SUFFIXES
from topo.io.files import atomic_text, checksum
from topo.io.json_files import check_entry, read_object

FORMAT = 1
"""Version of the manifest and of the layout of the folder."""

_OPTIONS = {
    "format": str,
    "probabilities": bool,
    "decoder": str,
    "precision": str,
    "device": str,
    "model": str,
    "longest": int,
    "batch_residues": int,
}
"""Options that a prediction needs, and their types."""


@dataclass(frozen=True)
class Source:
    """Input file: path, size in bytes, time of its last change in nanoseconds, and SHA-256."""

    path: str
    bytes: int
    changed: int
    sha256: str | None

    @classmethod
    def of(cls, path: str) -> Source:
        """Describe a file; a pipe or standard input by the SHA-256 of what was read."""
        try:
            state = os.stat(path)
        except OSError:
            return cls(path, 0, 0, checksum(path))
        return cls(path, state.st_size, state.st_mtime_ns, checksum(path))

    def fits(self, path: str) -> bool:
        """Return whether a file has this content.

        A file of the same size and time of change is not read.
        """
        try:
            state = os.stat(path)
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})") from None
        if (state.st_size, state.st_mtime_ns) == (self.bytes, self.changed):
            return True
        return state.st_size == self.bytes and checksum(path) == self.sha256


@dataclass(frozen=True)
class Shard:
    """Number of proteins and residues of a shard, and SHA-256 of the file of its sequences."""

    records: int
    residues: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a folder of shards contains, and how it is predicted.

    Parameters
    ----------
    options
        Everything that the files of the shards depend on beside the inputs: model, settings of the
        prediction, versions, format, and how the inputs are read.
    inputs
        Input files in their order.
    shards
        Shards in their order.
    """

    options: Mapping[str, Any]
    inputs: tuple[Source, ...]
    shards: tuple[Shard, ...]

    @property
    def records(self) -> int:
        """Number of proteins of all shards."""
        return sum(shard.records for shard in self.shards)

    @property
    def residues(self) -> int:
        """Number of residues of all shards."""
        return sum(shard.residues for shard in self.shards)

    def check_options(self, options: Mapping[str, Any], place: Path) -> None:
        """Check that a run has the options of the manifest.

        Raises
        ------
        TopoError
            If one differs; the message names it.
        """
        if difference := first_difference(self.options, options):
            raise TopoError(
                f"{place}: the manifest has {difference}; expected the same, or another folder"
            )

    def check_inputs(self, paths: Sequence[str], place: Path) -> None:
        """Check that files are the inputs of the manifest, in their order.

        Raises
        ------
        TopoError
            If they are not; the message names the first that differs.
        """
        if len(paths) != len(self.inputs):
            raise TopoError(
                f"{place}: the manifest has {len(self.inputs):,} input files, this run "
                f"{len(paths):,}; expected the same, or another folder"
            )
        for path, known in zip(paths, self.inputs, strict=True):
            if path != "-" and not known.fits(path):
                raise InputError(
                    path,
                    f"is not the file {known.path} that {place} was planned with (other content); "
                    "expected the same, or another folder",
                )

    def write(self, path: Path) -> None:
        """Write the manifest; it appears at once and whole."""
        document = {
            "layout": FORMAT,
            "options": dict(self.options),
            "records": self.records,
            "residues": self.residues,
            "inputs": [asdict(source) for source in self.inputs],
        }
        with atomic_text(path) as file:
            text = json.dumps(document, indent=1)
            file.write(text.removesuffix("\n}") + ',\n "shards": [')
            rows = [json.dumps(asdict(shard)) for shard in self.shards]
            file.write(",".join(f"\n  {row}" for row in rows) + "\n ]\n}\n")


def read_manifest(path: Path) -> Manifest | None:
    """Read a manifest; None if there is no file.

    Raises
    ------
    InputError
        If it is damaged or of another version.
    """
    if not path.exists():
        return None
    tree = read_object(path, {"options": dict, "inputs": list, "shards": list})
    if tree.get("layout") != FORMAT:
        found = str(tree.get("layout"))[:20]
        raise InputError(path, f"layout: found {found}, this version of topo reads {FORMAT}")
    options = tree.get("options", {})
    for key, kind in _OPTIONS.items():
        check_entry(path, f"options.{key}", options.get(key), kind)
    if options["format"] not in SUFFIXES:
        found, known = options["format"], " or ".join(SUFFIXES)
        raise InputError(path, f"options.format: found {found!r}, expected {known}")
    try:
        inputs = tuple(Source(**entry) for entry in tree["inputs"])
        shards = tuple(Shard(**entry) for entry in tree["shards"])
    except (KeyError, TypeError):
        raise InputError(path, "found another manifest, expected inputs and shards") from None
    for index, shard in enumerate(shards):
        check_entry(path, f"shards.{index}.records", shard.records, int)
        check_entry(path, f"shards.{index}.residues", shard.residues, int)
    if not shards:
        raise InputError(path, "found no shards, expected one or more")
    return Manifest(options, inputs, shards)
