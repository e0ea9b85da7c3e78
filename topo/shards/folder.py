"""Folder of shards: its layout, and which shards are complete.

=====================  =======================================================================
``manifest.json``      inputs, options and shards, see :mod:`topo.shards.manifest`
``inputs/N.fasta.gz``  sequences of shard N
``shards/N.parquet``   predictions of shard N (or ``N.tsv``)
``shards/N.json``      receipt: numbers and SHA-256 of these predictions
``claims/``            who works on what at present, see :mod:`topo.io.claims`
=====================  =======================================================================

All files are written beside and renamed. A shard is complete when its receipt exists, which is
written last.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from topo.errors import InputError, TopoError
from topo.io.compact import SUFFIXES
from topo.io.files import atomic_text, remove_temporary
from topo.io.json_files import read_object
from topo.shards.manifest import Manifest, read_manifest

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Receipt:
    """What a process records of the shard that it has predicted.

    Parameters
    ----------
    records, residues
        Numbers of proteins and residues.
    bytes, sha256
        Size and SHA-256 of the file of predictions.
    input
        SHA-256 of the file of sequences.
    seconds
        Time that the prediction took.
    host
        Name of the machine.
    """

    records: int
    residues: int
    bytes: int
    sha256: str
    input: str
    seconds: float
    host: str


class ShardFolder:
    """A folder of shards with its manifest.

    Parameters
    ----------
    path
        Path to the folder.
    manifest
        Manifest in the folder.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self.suffix = SUFFIXES[manifest.options["format"]]

    @classmethod
    def open(cls, path: Path) -> ShardFolder:
        """Open a folder that has a manifest.

        Raises
        ------
        TopoError
            If there is none, or it cannot be read.
        """
        manifest = read_manifest(path / MANIFEST)
        if manifest is None:
            raise TopoError(
                f"{path}: holds no {MANIFEST}; topo predict FILE --shards {path} writes it"
            )
        return cls(path, manifest)

    @property
    def claims(self) -> Path:
        """Path to the folder of claims."""
        return self.path / "claims"

    def __len__(self) -> int:
        return len(self.manifest.shards)

    def name(self, index: int) -> str:
        """Return the number of a shard as in the names of its files."""
        return shard_name(index)

    def input(self, index: int) -> Path:
        """Path to the sequences of a shard."""
        return input_path(self.path, index)

    def output(self, index: int) -> Path:
        """Path to the predictions of a shard."""
        return self.path / "shards" / f"{self.name(index)}{self.suffix}"

    def receipt_path(self, index: int) -> Path:
        """Path to the receipt of a shard."""
        return self.path / "shards" / f"{self.name(index)}.json"

    def needs(self, path: Path) -> bool:
        """Return whether a file is the manifest, or lies where the files of shards are."""
        inside = [self.path / MANIFEST, self.path / "inputs", self.path / "shards", self.claims]
        found = path.resolve()
        return any(found.is_relative_to(place.resolve()) for place in inside)

    def is_complete(self, index: int, *, now: bool = False) -> bool:
        """Return whether a shard is predicted.

        Parameters
        ----------
        index
            Number of the shard.
        now
            Whether receipts of the last seconds count on another machine too: opening the folder
            makes clients of NFS drop what they remember of it.
        """
        if now:
            with contextlib.suppress(OSError):
                os.close(os.open(self.path / "shards", os.O_RDONLY))
        return self.receipt_path(index).is_file()

    def incomplete(self, among: Iterable[int] | None = None) -> list[int]:
        """List the shards that are not complete.

        Parameters
        ----------
        among
            Numbers of shards; all by default.

        Raises
        ------
        TopoError
            If there is no such shard.
        """
        chosen = range(len(self)) if among is None else list(among)
        for index in chosen:
            if not 0 <= index < len(self):
                raise TopoError(
                    f"{self.path}: found shard {index}, expected a number from 0 to {len(self) - 1}"
                )
        return [index for index in chosen if not self.is_complete(index)]

    def receipt(self, index: int) -> Receipt:
        """Read the receipt of a complete shard.

        Raises
        ------
        InputError
            If it is damaged.
        """
        path = self.receipt_path(index)
        numbers = dict.fromkeys(("records", "residues", "bytes"), int)
        texts = dict.fromkeys(("sha256", "input", "host"), str)
        tree = read_object(path, {**numbers, **texts, "seconds": float})
        try:
            return Receipt(**tree)
        except TypeError:
            raise InputError(path, "found another object, expected a receipt") from None

    def write_receipt(self, index: int, receipt: Receipt) -> None:
        """Write a receipt, which completes the shard."""
        with atomic_text(self.receipt_path(index)) as file:
            file.write(json.dumps(asdict(receipt)) + "\n")

    def discard(self, index: int) -> None:
        """Delete receipt and predictions of a shard, so that it is predicted again."""
        self.receipt_path(index).unlink(missing_ok=True)
        self.output(index).unlink(missing_ok=True)

    def remove_temporary(self, index: int) -> None:
        """Remove the files that a killed process left of a shard."""
        names = {self.output(index).name, self.receipt_path(index).name}
        remove_temporary(self.path / "shards", names)


def shard_name(index: int) -> str:
    """Return the number of a shard with at least six digits."""
    return f"{index:06d}"


def input_path(folder: Path, index: int) -> Path:
    """Path to the sequences of a shard."""
    return folder / "inputs" / f"{shard_name(index)}.fasta.gz"
