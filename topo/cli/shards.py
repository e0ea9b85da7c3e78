"""``topo shards``: state, checks and union of shards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from topo.cli.options import Verbs
from topo.errors import TopoError

shards_app = typer.Typer(
    cls=Verbs, no_args_is_help=True, help="State, checks and union of predictions in shards."
)
Folder = Annotated[Path, typer.Argument(help="Path to the folder of shards.")]


@shards_app.command()
def status(
    folder: Folder,
    missing: Annotated[
        bool,
        typer.Option(
            "--missing",
            help="Print only the numbers of the shards that are not complete, as ranges (0-3,7), "
            "the form that Slurm's --array takes.",
        ),
    ] = False,
) -> None:
    """Show how many shards are complete, and which processes work on others."""
    from topo.shards.checks import status
    from topo.shards.folder import ShardFolder

    shards = ShardFolder.open(folder)
    if missing:
        print(_ranges(shards.incomplete()))
        return
    found, manifest = status(shards), shards.manifest
    print(f"shards    {found.shards:,} of {len(shards):,} complete, {len(found.owners):,} at work")
    print(f"proteins  {found.records:,} of {manifest.records:,}")
    print(f"residues  {found.residues:,} of {manifest.residues:,}")
    if found.seconds:
        rate = found.residues / found.seconds
        left = (manifest.residues - found.residues) / rate
        print(f"speed     {rate:,.0f} residues per process and second; {left:,.0f} s are left")
        print(f"size      {found.bytes:,} bytes, {found.bytes / found.records:,.0f} per protein")
    for index, owner in found.owners.items():
        print(f"shard {index}: {owner}")


@shards_app.command()
def merge(
    folder: Folder,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Path to the file. By default predictions.parquet or predictions.tsv in the "
            "folder.",
        ),
    ] = None,
) -> None:
    """Check all shards and write their predictions to one file, in the order of the inputs."""
    from topo.shards.checks import merge
    from topo.shards.folder import ShardFolder

    path, rows = merge(ShardFolder.open(folder), output, _report)
    _report(f"{rows:,} proteins")
    print(path)


@shards_app.command()
def verify(
    folder: Folder,
    discard: Annotated[
        bool,
        typer.Option(
            "--discard", help="Delete faulty shards, so that the next run predicts them again."
        ),
    ] = False,
) -> None:
    """Check the files of all complete shards against the manifest and their checksums."""
    from topo.shards.checks import find_faults
    from topo.shards.folder import ShardFolder

    shards = ShardFolder.open(folder)
    faulty = 0
    for index, fault in find_faults(shards):
        faulty += 1
        print(f"shard {index}: {fault}")
        if discard:
            shards.discard(index)
    complete = len(shards) - len(shards.incomplete())
    print(f"{complete:,} of {len(shards):,} shards are complete, {faulty:,} faulty")
    if faulty and not discard:
        raise TopoError(
            f"{folder}: {faulty:,} faulty shards; --discard deletes them, topo predict --shards "
            "predicts them again"
        )


def _report(line: str) -> None:
    print(f"topo: {line}", file=sys.stderr, flush=True)


def _ranges(numbers: list[int]) -> str:
    """Return ascending numbers as ranges: ``0-3,7``."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
