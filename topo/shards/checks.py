"""State of a folder of shards, checks of its files, and their union."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from topo.errors import TopoError
from topo.io.claims import Claims, Owner
from topo.io.compact import count_compact, merge_compact
from topo.io.files import sha256
from topo.shards.folder import ShardFolder


@dataclass(frozen=True)
class Status:
    """Numbers of complete shards, proteins and residues, and the owner of each shard at work."""

    shards: int
    records: int
    residues: int
    seconds: float
    bytes: int
    owners: dict[int, Owner]


def status(folder: ShardFolder) -> Status:
    """Return how far the shards are."""
    shards = records = residues = size = 0
    seconds, owners, claims = 0.0, {}, Claims(folder.claims)
    for index, shard in enumerate(folder.manifest.shards):
        if folder.is_complete(index):
            receipt = folder.receipt(index)
            shards, records = shards + 1, records + shard.records
            residues, size = residues + shard.residues, size + receipt.bytes
            seconds += receipt.seconds
        elif owner := claims.holder(folder.name(index)):
            owners[index] = owner
    return Status(shards, records, residues, seconds, size, owners)


def find_faults(folder: ShardFolder) -> Iterator[tuple[int, str]]:
    """Check all files against manifest and receipts; yield number and fault of faulty shards.

    A shard that is not complete is none.
    """
    for index in range(len(folder)):
        if folder.is_complete(index) and (fault := _fault(folder, index)):
            yield index, fault


def merge(
    folder: ShardFolder,
    target: Path | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[Path, int]:
    """Write the predictions of all shards to one file, in the order of the inputs.

    The file depends only on inputs and options, not on who has predicted which shard.

    Parameters
    ----------
    folder
        Folder whose shards are all complete.
    target
        Path to the file; by default ``predictions.parquet`` (or ``.tsv``) in the folder.
    report
        Function that receives lines about the progress.

    Returns
    -------
    path, rows
        Path to the file and number of proteins.

    Raises
    ------
    TopoError
        If a shard is missing or faulty, or the target is a file that the folder needs.
    """
    path = target or folder.path / f"predictions{folder.suffix}"
    if folder.needs(path):
        raise TopoError(f"{path}: belongs to the shards in {folder.path}, expected another file")
    if left := folder.incomplete():
        shown = ", ".join(map(str, left[:5])) + (", ..." if len(left) > 5 else "")
        raise TopoError(
            f"{folder.path}: {len(left):,} of {len(folder):,} shards are not complete ({shown})"
        )
    report(f"checking {len(folder):,} shards")
    for index, fault in find_faults(folder):
        raise TopoError(f"{folder.output(index)}: {fault}; topo shards verify names all")
    name = folder.manifest.options["format"]
    parts = [folder.output(index) for index in range(len(folder))]
    report(f"merging into {path}")
    rows = merge_compact(parts, name, path)
    if rows != folder.manifest.records:
        raise TopoError(f"{path}: found {rows:,} proteins, expected {folder.manifest.records:,}")
    return path, rows


def _fault(folder: ShardFolder, index: int) -> str | None:
    """Return what is wrong with a complete shard."""
    shard, output = folder.manifest.shards[index], folder.output(index)
    try:
        receipt = folder.receipt(index)
        if receipt.input != shard.sha256:
            return "was predicted from other sequences than those of the manifest"
        if not output.is_file():
            return "the file of predictions is missing"
        if sha256(output) != receipt.sha256:
            return "other content than its process has written"
        rows = count_compact(output, folder.manifest.options["format"])
        if rows != shard.records:
            return f"found {rows:,} proteins, expected {shard.records:,}"
        if (receipt.records, receipt.residues) != (shard.records, shard.residues):
            return "its receipt has other numbers than the manifest"
    except TopoError as error:
        return str(error)
    return None
