"""Reader of structure files: one chain, placed on its full sequence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import numpy as np

from topo.errors import InputError
from topo.io.files import can_reopen, open_text, source_name
from topo.io.formats import has_suffix, recognise, suffixes_of
from topo.io.lines import LARGEST_TEXT, Lines
from topo.io.structure.alignment import place
from topo.io.structure.chains import NUCLEOTIDES, Chain, Entry
from topo.io.structure.mmcif import parse_mmcif
from topo.io.structure.pdb import parse_pdb
from topo.protein import Protein

SUFFIXES = suffixes_of("structure")
"""Endings of structure files, each also valid with ``.gz``."""

_PARSERS = {"pdb": parse_pdb, "mmcif": parse_mmcif}

_ALPHAFOLD = re.compile(r"AF-([A-Z0-9]+(?:-\d+)?)-F1(?:-model_v\d+)?", re.IGNORECASE)
_LEAST_IDENTITY = 0.7
_LEAST_PLACED = 0.3


@dataclass(frozen=True)
class StructureInfo:
    """Source of a protein's coordinates and their agreement with its sequence.

    It is the attribute ``structure`` of a protein that was read from a structure file.

    Parameters
    ----------
    file, chain, model
        File, chain and model that were read.
    kind
        ``predicted`` (its B-factors are pLDDT) or ``experimental``.
    covered
        Fraction of the sequence's residues with a C-alpha.
    identity
        Fraction of equal residues among the placed ones.
    mismatches
        Placed residues that differ: 1-based position, residue of the sequence, of the structure.
    outside
        Residues of the chain without a place in the sequence (tags, fusion partners).
    numbers
        The file's own number of each residue, with its insertion code; empty where missing.
    coordinates
        Coordinates of the C-alphas, for figures of predictions.
    b_factors
        B-factors of the C-alphas, square angstrom, float32, shape (R,), NaN where missing; None if
        predicted.
    further_chains
        Names of the other protein chains of the model.
    """

    file: str
    chain: str
    model: int
    kind: str
    covered: float
    identity: float
    mismatches: tuple[tuple[int, str, str], ...]
    outside: int
    numbers: tuple[str, ...] = field(repr=False)
    coordinates: np.ndarray = field(repr=False, compare=False)
    b_factors: np.ndarray | None = field(default=None, repr=False)
    further_chains: tuple[str, ...] = ()


def read_structure(
    path: str | PathLike[str],
    *,
    chain: str | None = None,
    model: int | None = None,
    sequence: str | None = None,
) -> Protein:
    """Read one chain of a PDB or mmCIF file, plain or gzip.

    Parameters
    ----------
    path
        Path to the file; its content determines the format.
    chain
        Name of the chain. None takes the first protein chain, or with ``sequence`` the one that
        fits it best.
    model
        Number of the model; None takes the first.
    sequence
        The full sequence. None takes the one in the file (SEQRES, ``_entity_poly_seq``),
        or else the residues that have coordinates.

    Returns
    -------
    Protein
        With ``coordinates``, ``backbone``, ``plddt`` (where predicted) and a
        :class:`StructureInfo` as ``structure``. Missing residues are NaN. Of
        alternate locations and residues the most occupied is taken; modified residues count as
        their parents.

    Raises
    ------
    InputError
        If the file is not a sound structure file, has no protein chain, not this chain or model,
        or no C-alpha atoms, or does not fit the sequence.
    """
    name = source_name(path)
    with open_text(path) as stream:
        text = stream.read(LARGEST_TEXT + 1)
    if len(text) > LARGEST_TEXT:
        raise InputError(name, f"holds more than {LARGEST_TEXT:,} characters")
    entry = _parse(text, name, model)
    protein = place_on_sequence(_choose(entry, chain, sequence, name), entry, name, sequence)
    if str(path) != "-" or protein.structure is None:
        return protein
    return replace(protein, structure=replace(protein.structure, file="-"))


def structure_id(path: str | PathLike[str]) -> str:
    """Return the id for a file: its stem, or the accession of an AlphaFold database file."""
    stem = Path(path).name
    if stem.lower().endswith((".gz", ".xz", ".bz2")):
        stem = stem.rpartition(".")[0]
    if stem.lower().endswith(SUFFIXES):
        stem = stem.rpartition(".")[0]
    match = _ALPHAFOLD.fullmatch(stem)
    return match[1] if match else "_".join(stem.split()) or "unnamed"


def is_structure_file(path: str | PathLike[str]) -> bool:
    """Return whether a file is a structure, by its name or else by its first line."""
    if has_suffix(path, SUFFIXES):
        return True
    if not can_reopen(path):
        return False
    with open_text(path) as stream:
        lines = Lines(str(path), stream, raw=True)
        return lines.skip_blank() and recognise("structure", lines) is not None


def place_on_sequence(
    chain: Chain, entry: Entry, source: str, sequence: str | None = None
) -> Protein:
    """Place a chain's residues in the full sequence; see :func:`read_structure`."""
    observed = chain.sequence
    full = sequence or chain.full or observed
    positions, identity = _positions(chain, observed, full)
    placed = positions >= 0
    if identity < _LEAST_IDENTITY or placed.sum() < _LEAST_PLACED * len(observed):
        raise InputError(
            source,
            f"chain {chain.id} does not fit the sequence: {placed.sum()} of {len(observed)} "
            f"residues placed, {identity:.0%} of them equal",
        )
    backbone = np.full((len(full), 3, 3), np.nan, dtype=np.float32)
    factors = np.full(len(full), np.nan, dtype=np.float32)
    backbone[positions[placed]] = np.stack([residue.atoms for residue in chain.residues])[placed]
    backbone[~np.isfinite(backbone)] = np.nan
    factors[positions[placed]] = np.array([r.b_factor for r in chain.residues])[placed]
    coordinates = np.ascontiguousarray(backbone[:, 1])
    differing = [
        (int(at) + 1, full[at], residue)
        for at, residue in zip(positions, observed, strict=True)
        if at >= 0 and full[at] != residue and "X" not in (full[at], residue)
    ]
    info = StructureInfo(
        source,
        chain.id,
        entry.model,
        "predicted" if entry.predicted else "experimental",
        covered=float(np.isfinite(coordinates[:, 0]).mean()),
        identity=identity,
        mismatches=tuple(differing),
        outside=int((~placed).sum()),
        numbers=_author_numbers(chain, positions, len(full)),
        coordinates=coordinates,
        b_factors=None if entry.predicted else factors,
        further_chains=tuple(other.id for other in entry.chains if other.id != chain.id),
    )
    return Protein(
        structure_id(source),
        full,
        coordinates=coordinates,
        backbone=backbone,
        plddt=_percent(factors) if entry.predicted else None,
        structure=info,
    )


def with_structure(protein: Protein, structure: Protein) -> Protein:
    """Return a protein with the coordinates of another one of the same sequence."""
    return replace(
        protein,
        coordinates=structure.coordinates,
        backbone=structure.backbone,
        plddt=structure.plddt,
        structure=structure.structure,
    )


def without_structure(protein: Protein) -> Protein:
    """Return a protein without coordinates."""
    return replace(protein, coordinates=None, backbone=None, plddt=None)


def _parse(text: str, source: str, model: int | None) -> Entry:
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    first = next(lines, None)
    if first is None:
        raise InputError(source, "is empty, expected a PDB or mmCIF file")
    if first.lstrip().startswith("<"):
        raise InputError(source, "found HTML or XML, expected a PDB or mmCIF file")
    form = recognise("structure", Lines(source, [first], raw=True))
    if form is not None:
        return _PARSERS[form.name](text, source, model)
    if "\nATOM  " in text:
        return parse_pdb(text, source, model)
    raise InputError(source, f"found {first[:40].strip()!r}, expected a PDB or mmCIF file")


def _choose(entry: Entry, wanted: str | None, sequence: str | None, source: str) -> Chain:
    names = ", ".join(chain.id or "' '" for chain in entry.chains)
    if not entry.chains:
        what = "nucleic acid" if entry.names & NUCLEOTIDES else "no atoms of amino acids"
        raise InputError(source, f"found {what}, expected a protein chain")
    if wanted is not None:
        found = next((chain for chain in entry.chains if chain.id == wanted.strip()), None)
        if found is None:
            raise InputError(source, f"has no protein chain {wanted}, found {names}")
        return _with_alphas(found, source)
    resolved = [chain for chain in entry.chains if _has_alphas(chain)]
    if not resolved:
        return _with_alphas(entry.chains[0], source)
    if sequence is None or len(resolved) == 1:
        return resolved[0]
    return max(resolved, key=lambda chain: _fit(chain, sequence))


def _has_alphas(chain: Chain) -> bool:
    return any(np.isfinite(residue.atoms[1]).all() for residue in chain.residues)


def _with_alphas(chain: Chain, source: str) -> Chain:
    if not _has_alphas(chain):
        raise InputError(source, f"chain {chain.id} has no C-alpha atoms")
    return chain


def _fit(chain: Chain, sequence: str) -> int:
    """Count the residues of a chain that are placed on an equal residue of the sequence."""
    observed = chain.sequence
    positions, identity = place(observed, sequence, _numbers(chain))
    return round(identity * int((positions >= 0).sum()))


def _numbers(chain: Chain) -> list[int] | None:
    """Return the residue numbers; None where there are insertion codes."""
    if any(residue.insertion for residue in chain.residues):
        return None
    return [residue.number for residue in chain.residues]


def _positions(chain: Chain, observed: str, full: str) -> tuple[np.ndarray, float]:
    if full is observed:
        return np.arange(len(full)), 1.0
    own = [residue.position for residue in chain.residues]
    if chain.full is None or None in own:
        return place(observed, full, _numbers(chain))
    own = np.array(own, dtype=np.int64)
    if full == chain.full:
        equal = [full[at] == residue for at, residue in zip(own, observed, strict=True)]
        return own, sum(equal) / len(equal)
    return place(observed, full, _numbers(chain))


def _author_numbers(chain: Chain, positions: np.ndarray, size: int) -> tuple[str, ...]:
    numbers = [""] * size
    for at, residue in zip(positions, chain.residues, strict=True):
        if at >= 0:
            numbers[at] = f"{residue.number}{residue.insertion}"
    return tuple(numbers)


def _percent(plddt: np.ndarray) -> np.ndarray:
    """Scale confidences to 0 to 100; some programs write 0 to 1."""
    scale = 100 if np.nanmax(plddt, initial=0) <= 1 else 1
    return plddt * np.float32(scale)
