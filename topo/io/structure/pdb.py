"""PDB files: Biopython parses the records of the backbone.

All other atoms are dropped before parsing, which is faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from topo.errors import InputError
from topo.io.structure.chains import (
    BACKBONE,
    Chain,
    Entry,
    Residue,
    letter,
    parents,
    without_duplicates,
)

if TYPE_CHECKING:
    from Bio.PDB.Chain import Chain as BiopythonChain
    from Bio.PDB.Residue import Residue as BiopythonResidue

_PREDICTORS = ("ALPHAFOLD", "ESMFOLD", "COLABFOLD", "OPENFOLD")
_SHORTEST = 54
"""Columns up to the last coordinate."""


@dataclass
class _Records:
    """Records of a PDB file that are used."""

    atoms: list[tuple[int, str]] = field(default_factory=list)  # line number, line
    seqres: dict[str, list[str]] = field(default_factory=dict)
    modified: dict[str, str] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    models: list[int] = field(default_factory=list)


def parse_pdb(text: str, source: str, model: int | None = None) -> Entry:
    """Parse a PDB file.

    Parameters
    ----------
    text
        Content of the file.
    source
        Name of the file in error messages.
    model
        Serial number of the model; None takes the first.

    Raises
    ------
    InputError
        On a malformed or truncated record, or a missing model.
    """
    records = _collect(text, source, model)
    if model is not None and records.models and model not in records.models:
        found = ", ".join(map(str, records.models))
        raise InputError(source, f"has no model {model}, found {found}")
    chains = []
    for chain in _parse_atoms(records.atoms, source):
        seqres = records.seqres.get(chain.id)
        residues = without_duplicates(_residues(chain, records.modified, seqres))
        full = "".join(letter(name, records.modified) for name in seqres) if seqres else None
        if residues:
            chains.append(Chain(chain.id.strip(), residues, full, records.modified))
    header = " ".join(records.header).upper()
    return Entry(
        chains,
        model if model is not None else (records.models or [1])[0],
        any(name in header for name in _PREDICTORS),
        frozenset(records.names),
    )


def _collect(text: str, source: str, wanted: int | None) -> _Records:
    """Collect the records of the header and of the wanted model's backbone.

    Hetero atoms after the end of their chain are ligands. But some files end a chain at each
    modified residue and continue it afterwards.
    """
    records, skip = _Records(), False
    ended: dict[str, list[tuple[int, str]]] = {}  # by chain, the hetero atoms since its end
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        record = line[:6]
        if record in ("ATOM  ", "HETATM"):
            if skip:
                continue
            if len(line) < _SHORTEST:
                raise InputError(source, "found an atom record that is cut off", number)
            if line[12:16].strip() not in BACKBONE:
                records.names.add(line[17:20])
            elif record == "HETATM" and line[21] in ended:
                ended[line[21]].append((number, line))
            else:
                records.atoms += ended.pop(line[21], ())
                records.atoms.append((number, line))
        elif record == "SEQRES":
            records.seqres.setdefault(line[11:12], []).extend(line[19:70].split())
        elif record == "MODRES" and (parent := parents().get(line[24:27].strip())):
            records.modified[line[12:15].strip()] = parent
        elif record == "MODEL ":
            serial = line[6:].split()
            records.models.append(int(serial[0]) if serial and serial[0].isdecimal() else 1)
            skip = records.models[-1] != (records.models[0] if wanted is None else wanted)
        elif record.startswith("TER") and not skip and records.atoms:
            ended.setdefault(line[21:22].strip() or records.atoms[-1][1][21], [])
        elif record in ("TITLE ", "HEADER", "REMARK", "EXPDTA") and len(records.header) < 100:
            records.header.append(line[10:])
    records.names = {name.strip() for name in records.names}
    _check_last(lines, source)
    return records


def _check_last(lines: list[str], source: str) -> None:
    """Refuse a file that ends in an atom record shorter than the one before it."""
    if len(lines) < 2 or not all(line.startswith(("ATOM  ", "HETATM")) for line in lines[-2:]):
        return
    before, last = lines[-2:]
    if len(last.rstrip()) < min(66, len(before.rstrip())):
        raise InputError(source, "found an atom record that is cut off", len(lines))


def _parse_atoms(atoms: list[tuple[int, str]], source: str) -> Iterator[BiopythonChain]:
    from Bio.PDB.PDBExceptions import PDBConstructionException
    from Bio.PDB.PDBParser import PDBParser

    if not atoms:
        return
    stream = StringIO("\n".join(line for _, line in atoms) + "\n")
    try:
        structure = PDBParser(QUIET=True).get_structure("entry", stream)
    except (PDBConstructionException, ValueError, IndexError):
        number = next((number for number, line in atoms if not _is_sound(line)), None)
        raise InputError(source, "found a malformed atom record", number) from None
    assert structure is not None, "the parser returns a structure or raises"
    yield from structure[0]


def _is_sound(line: str) -> bool:
    try:
        int(line[22:26])
        return len([float(line[start : start + 8]) for start in (30, 38, 46)]) == 3
    except ValueError:
        return False


def _residues(
    chain: BiopythonChain, modified: dict[str, str], seqres: list[str] | None
) -> Iterator[Residue]:
    """Yield the chain's amino acids; a hetero residue must be a known one."""
    known = parents().keys() | modified.keys() | set(seqres or ())
    children: list[Any] = chain.child_list  # residues, or groups of alternate residues
    for found in children:
        for residue in found.disordered_get_list() if found.is_disordered() == 2 else [found]:
            if residue.id[0] == " " or residue.resname.strip() in known:
                yield _residue(residue)


def _residue(residue: BiopythonResidue) -> Residue:
    """Convert a residue; of alternate locations Biopython selects the most occupied."""
    atoms = np.full((3, 3), np.nan, dtype=np.float32)
    b_factor, occupancies = float("nan"), []
    for row, name in enumerate(BACKBONE):
        atom: Any = residue.child_dict.get(name)
        if atom is None:
            continue
        if atom.is_disordered():
            atom = atom.selected_child
        atoms[row] = atom.coord
        occupancies.append(atom.occupancy or 0.0)
        if name == "CA":
            b_factor = atom.bfactor
    _, number, insertion = residue.id
    occupancy = sum(occupancies) / len(occupancies)
    name = residue.resname.strip()
    return Residue(name, number, insertion.strip(), atoms, b_factor, occupancy)
