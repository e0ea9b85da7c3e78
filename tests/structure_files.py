"""Small structure files for tests: an ideal helix of any sequence, as PDB and as mmCIF."""

from __future__ import annotations

import math
from collections.abc import Iterator

from Bio.Data.PDBData import protein_letters_1to3

_ATOMS = {"N": (1.55, -28.0, -0.9), "CA": (2.3, 0.0, 0.0), "C": (1.68, 27.0, 1.1)}
"""Radius, angle (degrees) and height of the backbone's atoms about the axis of a helix."""


def helix(residues: int) -> Iterator[tuple[int, str, tuple[float, float, float]]]:
    """Give residue index, atom name and position of an alpha helix."""
    for index in range(residues):
        for name, (radius, angle, height) in _ATOMS.items():
            turn = math.radians(100 * index + angle)
            place = (radius * math.cos(turn), radius * math.sin(turn), 1.5 * index + height)
            yield index, name, place


def atom_line(
    serial: int,
    atom: str,
    residue: str,
    number: int,
    place: tuple[float, float, float],
    *,
    chain: str = "A",
    alternate: str = " ",
    insertion: str = " ",
    occupancy: float = 1.0,
    b_factor: float = 90.0,
    record: str = "ATOM",
) -> str:
    """Write one atom of a PDB file."""
    x, y, z = place
    return (
        f"{record:<6}{serial:>5}  {atom:<3}{alternate}{residue:>3} {chain}{number:>4}{insertion}"
        f"   {x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{b_factor:6.2f}          {atom[0]:>2}\n"
    )


def pdb_text(sequence: str, *, predicted: bool = False, chain: str = "A") -> str:
    """Write a helix as PDB, with SEQRES."""
    names = [protein_letters_1to3[letter] for letter in sequence]
    lines = ["HEADER    TEST\n"]
    if predicted:
        lines.append("TITLE     ALPHAFOLD MONOMER V2.0 PREDICTION\n")
    for row, start in enumerate(range(0, len(names), 13), 1):
        residues = " ".join(names[start : start + 13])
        lines.append(f"SEQRES {row:>3} {chain} {len(names):>4}  {residues}\n")
    lines += [
        atom_line(serial, atom, names[index], index + 1, place, chain=chain)
        for serial, (index, atom, place) in enumerate(helix(len(names)), 1)
    ]
    return "".join([*lines, "TER\n", "END\n"])


def mmcif_text(sequence: str, *, predicted: bool = False) -> str:
    """Write a helix as mmCIF, with its polymer's sequence."""
    names = [protein_letters_1to3[letter] for letter in sequence]
    lines = ["data_TEST", "#"]
    if predicted:
        lines += ["_ma_qa_metric.id 1", "_ma_qa_metric.name pLDDT", "#"]
    lines += ["loop_", *(f"_entity_poly_seq.{n}" for n in ("entity_id", "num", "mon_id"))]
    lines += [f"1 {number} {name}" for number, name in enumerate(names, 1)]
    columns = """
        group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id
        label_entity_id label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy
        B_iso_or_equiv auth_seq_id auth_asym_id pdbx_PDB_model_num
    """
    lines += ["#", "loop_", *(f"_atom_site.{name}" for name in columns.split())]
    for serial, (index, atom, (x, y, z)) in enumerate(helix(len(names)), 1):
        lines.append(
            f"ATOM {serial} {atom[0]} {atom} . {names[index]} A 1 {index + 1} ? "
            f"{x:.3f} {y:.3f} {z:.3f} 1.00 90.00 {index + 1} A 1"
        )
    return "\n".join([*lines, "#", ""])
