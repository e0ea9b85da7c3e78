"""Planning of shards: the inputs are read once and divided, then the manifest is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topo._version import environment
from topo.checkpoint import Checkpoint
from topo.errors import InputError, TopoError
from topo.inference import Settings, describe
from topo.inference.memory import FASTEST
from topo.io.claims import Claims
from topo.io.compact import check_compact
from topo.io.fasta import write_fasta
from topo.io.files import sha256
from topo.io.folder import list_folder
from topo.io.inputs import Inputs
from topo.io.invalid import write_invalid
from topo.io.records import Fault, RecordPolicy
from topo.io.structure import is_structure_file
from topo.io.writers import INVALID_FILE, output_names
from topo.protein import Protein
from topo.shards.folder import MANIFEST, ShardFolder, input_path
from topo.shards.manifest import Manifest, Shard, Source, read_manifest

DEFAULT_RESIDUES = 2_000_000
"""Residues of a shard: about 6,000 proteins, or 40 s of one core."""


_INPUT = re.compile(r"\.?\d{6,}\.fasta\.gz(\.\w{8}\.gz)?")


@dataclass(frozen=True)
class Request:
    """What a run of shards is asked to compute.

    Parameters
    ----------
    inputs
        Paths of the input files; none to continue with the shards that exist.
    format, probabilities
        Compact format of the output, and whether it has the probabilities per residue.
    decoder, precision, longest, device
        As for :class:`topo.inference.Settings`.
    batch_residues
        Largest number of padded residues per batch; None takes that of the manifest or, because it
        must not depend on the machine, :data:`topo.inference.memory.FASTEST`.
    shard_residues
        Number of residues after which a shard ends; None takes that of the manifest or
        :data:`DEFAULT_RESIDUES`.
    input_format, skip_invalid, mask_stops, allow_nucleotides
        As for :class:`topo.io.inputs.Inputs` and :class:`topo.io.records.RecordPolicy`.
    """

    inputs: Sequence[str] = ()
    format: str = "parquet"
    probabilities: bool = False
    decoder: str = "posterior"
    precision: str = "auto"
    longest: int = 100_000
    device: str = "cpu"
    batch_residues: int | None = None
    shard_residues: int | None = None
    input_format: str | None = None
    skip_invalid: bool = False
    mask_stops: bool = False
    allow_nucleotides: bool = False

    def options(self, checkpoint: Checkpoint, known: Mapping[str, Any] | None = None) -> dict:
        """Return the options of the manifest.

        Parameters
        ----------
        checkpoint
            Model of the predictions.
        known
            Options of an existing manifest, which decide what this request leaves open.
        """
        check_compact(self.format, self.probabilities)
        known = known or {}
        precision = known.get("precision", "auto") if self.precision == "auto" else self.precision
        settings = Settings.of(self.decoder, precision, self.longest, self.device, checkpoint)
        versions = environment()
        return {
            **describe(checkpoint, settings, self.device),
            "numpy": versions["numpy"],
            **({"pyarrow": _pyarrow_version()} if self.format == "parquet" else {}),
            "format": self.format,
            "probabilities": self.probabilities,
            "batch_residues": self.batch_residues or known.get("batch_residues", FASTEST),
            "shard_residues": self.shard_residues or known.get("shard_residues", DEFAULT_RESIDUES),
            "input_format": self.input_format,
            "skip_invalid": self.skip_invalid,
            "mask_stops": self.mask_stops,
            "allow_nucleotides": self.allow_nucleotides,
        }


def input_files(paths: Iterable[str], folder: Path) -> list[str]:
    """Return the files of inputs; of a folder its files of sequences, sorted by path.

    Parameters
    ----------
    paths
        Paths to files and folders.
    folder
        Folder of the shards, which is no input.

    Raises
    ------
    TopoError
        If an input is or contains a structure.
    """
    files: list[str] = []
    for path in paths:
        if Path(path).is_dir():
            found = list_folder(Path(path), folder, output_names())
            if found.structures:
                raise _has_structure(str(found.structures[0]))
            files += map(str, found.sequences)
        else:
            files.append(path)
    return files


def open_or_plan(
    path: Path,
    request: Request,
    checkpoint: Checkpoint,
    report: Callable[[str], None] = lambda line: None,
) -> ShardFolder:
    """Open a folder of shards if its manifest fits the request, or plan it if it has none.

    Of several processes one plans and the others wait.

    Raises
    ------
    TopoError
        If an option or input differs from the manifest, or an input cannot be read.
    """
    file = path / MANIFEST
    manifest = read_manifest(file)
    if manifest is None:
        if not input_files(request.inputs, path):
            raise TopoError(f"{path}: holds no {MANIFEST} to continue with, expected input files")
        with Claims(path / "claims").turn("plan", file.exists) as mine:
            if mine:
                return plan(path, request, checkpoint, report)
        manifest = read_manifest(file)
        assert manifest is not None, "a manifest is never deleted"
    manifest.check_options(request.options(checkpoint, manifest.options), file)
    if request.inputs:
        manifest.check_inputs(input_files(request.inputs, path), file)
    return ShardFolder(path, manifest)


def plan(
    folder: Path,
    request: Request,
    checkpoint: Checkpoint,
    report: Callable[[str], None] = lambda line: None,
) -> ShardFolder:
    """Divide the inputs into shards and write the manifest; memory holds one shard.

    Parameters
    ----------
    folder
        Folder of the shards; created if missing.
    request
        Inputs and options.
    checkpoint
        Model of the predictions.
    report
        Function that receives a line about the result.

    Raises
    ------
    TopoError
        If an input cannot be read, or the folder holds shards without a manifest.
    """
    options = request.options(checkpoint)
    files = input_files(request.inputs, folder)
    if not files:
        raise TopoError("found no input of proteins, expected one file or more")
    if any((folder / "shards").glob("*.json")):
        raise TopoError(f"{folder}: holds shards without a {MANIFEST}, expected another folder")
    _remove_earlier(folder / "inputs")
    faults: list[Fault] = []
    shards = []
    for members in divided(_proteins(files, request, faults), options["shard_residues"]):
        path = input_path(folder, len(shards))
        write_fasta(members, path)
        shards.append(Shard(len(members), sum(map(len, members)), sha256(path)))
    write_invalid(folder / INVALID_FILE, faults)
    manifest = Manifest(options, tuple(Source.of(file) for file in files), tuple(shards))
    manifest.write(folder / MANIFEST)
    left_out = f", {len(faults):,} faulty records left out ({INVALID_FILE})" if faults else ""
    report(
        f"planned {len(shards):,} shards: {manifest.records:,} proteins, "
        f"{manifest.residues:,} residues{left_out}"
    )
    return ShardFolder(folder, manifest)


def divided(proteins: Iterable[Protein], residues: int) -> Iterator[list[Protein]]:
    """Yield the proteins of each shard: consecutive ones up to that which reaches the number."""
    members: list[Protein] = []
    size = 0
    for protein in proteins:
        members.append(protein)
        size += len(protein)
        if size >= residues:
            yield members
            members, size = [], 0
    if members:
        yield members


def _proteins(files: Sequence[str], request: Request, faults: list[Fault]) -> Iterator[Protein]:
    """Yield the proteins of all files, and collect the records that are left out."""
    for file in files:
        if request.input_format is None and file != "-" and is_structure_file(file):
            raise _has_structure(file)
        policy = RecordPolicy(request.skip_invalid, request.mask_stops, report_repeats=False)
        yield from Inputs(
            file,
            input_format=request.input_format,
            policy=policy,
            allow_nucleotides=request.allow_nucleotides,
        )
        faults += policy.faults


def _remove_earlier(inputs: Path) -> None:
    """Remove what a planning that was killed has left."""
    for path in inputs.glob("*") if inputs.is_dir() else ():
        if _INPUT.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _has_structure(path: str) -> InputError:
    return InputError(path, "found a structure, expected sequences: shards hold no coordinates")


def _pyarrow_version() -> str:
    import pyarrow

    return pyarrow.__version__
