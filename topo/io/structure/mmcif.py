"""mmCIF files, parsed with Biopython's MMCIF2Dict.

The polymer's own numbering (``label_seq_id``) places each residue in the full sequence, so no
alignment is needed. Chains have their author names (``auth_asym_id``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO

import numpy as np

from topo.errors import InputError
from topo.io.structure.chains import BACKBONE, Chain, Entry, Residue, letter, parents

_COLUMNS = ("label_atom_id", "label_comp_id", "label_asym_id", "Cartn_x", "Cartn_y", "Cartn_z")
_NOTHING = (".", "?", "")

Table = Mapping[str, list[str]]


def parse_mmcif(text: str, source: str, model: int | None = None) -> Entry:
    """Parse an mmCIF file; see :func:`topo.io.structure.pdb.parse_pdb`."""
    tables = _tables(text, source)
    atoms = {name: tables.get(f"_atom_site.{name}", []) for name in _COLUMNS}
    count = len(atoms["label_atom_id"])
    missing = [name for name, column in atoms.items() if not column]
    if missing:
        raise InputError(source, f"found no _atom_site.{missing[0]}, expected a table of atoms")

    def column(name: str, instead: str | None = None, value: str = "?") -> list[str]:
        fallback = atoms[instead] if instead else [value] * count
        return tables.get(f"_atom_site.{name}") or fallback

    atoms |= {
        "auth_asym_id": column("auth_asym_id", "label_asym_id"),
        "label_entity_id": column("label_entity_id"),
        "label_seq_id": column("label_seq_id"),
        "auth_seq_id": column("auth_seq_id"),
        "pdbx_PDB_ins_code": column("pdbx_PDB_ins_code"),
        "occupancy": column("occupancy", value="1"),
        "B_iso_or_equiv": column("B_iso_or_equiv"),
        "model": column("pdbx_PDB_model_num", value="1"),
    }
    if any(len(values) != count for values in atoms.values()):
        raise InputError(source, "found columns of unequal length in _atom_site, is it cut off?")
    models = list(dict.fromkeys(atoms["model"]))
    wanted = models[0] if model is None else str(model)
    if wanted not in models:
        raise InputError(source, f"has no model {wanted}, found {', '.join(models)}")
    rows = [
        row
        for row, (name, serial) in enumerate(
            zip(atoms["label_atom_id"], atoms["model"], strict=True)
        )
        if name in BACKBONE and serial == wanted
    ]
    return Entry(
        _chains(atoms, rows, _full_sequences(tables), source),
        int(wanted) if wanted.isdecimal() else 1,
        _is_predicted(tables),
        frozenset(atoms["label_comp_id"]),
    )


def _tables(text: str, source: str) -> Table:
    from Bio.PDB.MMCIF2Dict import MMCIF2Dict

    try:
        return MMCIF2Dict(StringIO(text))
    except (ValueError, IndexError, KeyError, StopIteration, RuntimeError, ZeroDivisionError):
        raise InputError(source, "found malformed mmCIF, is it cut off?") from None


def _full_sequences(tables: Table) -> dict[str, list[str]]:
    """Return the residue names of each polymer; of several at one position the first."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    columns = [tables.get(f"_entity_poly_seq.{name}", []) for name in ("entity_id", "num")]
    for entity, place, name in zip(
        *columns, tables.get("_entity_poly_seq.mon_id", []), strict=False
    ):
        found[entity].setdefault(place, name)
    return {entity: list(names.values()) for entity, names in found.items()}


def _chains(
    atoms: Table, rows: Iterable[int], polymers: Mapping[str, list[str]], source: str
) -> list[Chain]:
    """Group the backbone's rows by chain and residue."""
    chains: dict[str, dict[tuple[str, str, str], list[int]]] = {}
    entities: dict[str, str] = {}
    for row in rows:
        place, name = atoms["label_seq_id"][row], atoms["label_comp_id"][row]
        if place in _NOTHING and name not in parents():  # a ligand
            continue
        chain = atoms["auth_asym_id"][row]
        number = atoms["auth_seq_id"][row]
        number = place if number in _NOTHING else number
        key = number, atoms["pdbx_PDB_ins_code"][row].strip("?."), place
        chains.setdefault(chain, {}).setdefault(key, []).append(row)
        entities.setdefault(chain, atoms["label_entity_id"][row])
    found = []
    for chain, places in chains.items():
        names = polymers.get(entities[chain])
        # With a polymer, what has no place in it is a ligand that is an amino acid.
        kept = {key: r for key, r in places.items() if key[2] not in _NOTHING} or places
        residues = [_residue(atoms, key, members, source) for key, members in kept.items()]
        full = "".join(map(letter, names)) if names else None
        if full is None or any((r.position or 0) >= len(full) for r in residues):
            full, residues = None, [residue._replace(position=None) for residue in residues]
        found.append(Chain(chain, residues, full, {}))
    return found


def _residue(atoms: Table, key: tuple[str, str, str], rows: Sequence[int], source: str) -> Residue:
    """Build a residue from the most occupied name and the most occupied location of each atom."""
    number, insertion, place = key
    try:
        occupancy = {row: float(atoms["occupancy"][row].strip("?.") or 1) for row in rows}
        totals: dict[str, float] = defaultdict(float)
        for row in rows:
            totals[atoms["label_comp_id"][row]] += occupancy[row]
        name = max(totals, key=totals.__getitem__)
        best: dict[str, int] = {}
        for row in rows:
            atom = atoms["label_atom_id"][row]
            if atoms["label_comp_id"][row] == name and (
                atom not in best or occupancy[row] > occupancy[best[atom]]
            ):
                best[atom] = row
        coordinates = np.full((3, 3), np.nan, dtype=np.float32)
        for atom, row in best.items():
            coordinates[BACKBONE.index(atom)] = [float(atoms[f"Cartn_{x}"][row]) for x in "xyz"]
        b_factor = atoms["B_iso_or_equiv"][best["CA"]] if "CA" in best else "?"
        return Residue(
            name,
            int(number),
            insertion,
            coordinates,
            float("nan") if b_factor in _NOTHING else float(b_factor),
            totals[name] / len(best),
            None if place in _NOTHING else int(place) - 1,
        )
    except ValueError:
        raise InputError(source, f"found a malformed atom of residue {number}") from None


def _is_predicted(tables: Table) -> bool:
    """Return whether the file has pLDDT values, as files of the AlphaFold database do."""
    metrics = " ".join(tables.get("_ma_qa_metric.name", []) + tables.get("_ma_qa_metric.type", []))
    return "plddt" in metrics.lower()
