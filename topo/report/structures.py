"""A prediction on its structure: labels as B-factors, and scripts that colour by label."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from itertools import groupby
from os import PathLike
from pathlib import Path

from topo.errors import InputError
from topo.io.files import atomic_text, open_text
from topo.io.structure import StructureInfo
from topo.labels import LABEL_INDEX, LABEL_NAMES, LABELS
from topo.protein import Prediction
from topo.report.palette import LABEL_COLORS

ELSEWHERE = -1.0
"""B-factor of atoms that the prediction says nothing of: other chains, ligands, tags."""


def save_structure(
    prediction: Prediction, info: StructureInfo, folder: str | PathLike[str], name: str
) -> list[Path]:
    """Write a structure with its labels, a PyMOL and a ChimeraX script.

    Parameters
    ----------
    prediction
        What to show.
    info
        The structure it belongs to, ``structure`` of the protein.
    folder, name
        The files are ``NAME.pdb`` or ``NAME.cif``, as the structure itself, with the label's index
        as B-factor (0 to 5 in the order I O P S M B, :data:`ELSEWHERE` for the rest), ``NAME.pml``
        and ``NAME.cxc``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    TopoError
        If the structure cannot be read again, or a file cannot be written.
    """
    text, suffix = _with_labels(prediction, info)
    structure = Path(folder) / f"{name}{suffix}"
    contents = {
        structure: text,
        structure.with_name(f"{name}.pml"): _pymol(prediction, info, structure.name),
        structure.with_name(f"{name}.cxc"): _chimerax(prediction, info, structure.name),
    }
    for path, content in contents.items():
        with atomic_text(path) as file:
            file.write(content)
    return list(contents)


def _with_labels(prediction: Prediction, info: StructureInfo) -> tuple[str, str]:
    """Return the structure file with labels as B-factors, and its suffix."""
    from Bio.PDB import MMCIFIO, PDBIO, MMCIFParser, PDBParser

    with open_text(info.file) as stream:
        text = stream.read()
    is_cif = text.lstrip("#\n ").startswith("data_")
    parser = (MMCIFParser if is_cif else PDBParser)(QUIET=True)
    try:
        models = parser.get_structure("topo", StringIO(text))
        model = next((m for m in models if m.serial_num == info.model), next(iter(models)))
        values = {
            number: float(LABEL_INDEX[label])
            for number, label in zip(info.numbers, prediction.labels, strict=True)
            if number
        }
        for chain in model:
            ours = (chain.id.strip() or " ") == (info.chain or " ")
            for residue in chain.get_unpacked_list():
                number = f"{residue.id[1]}{residue.id[2].strip()}"
                is_chain = ours and "CA" in residue
                value = values.get(number, ELSEWHERE) if is_chain else ELSEWHERE
                for atom in residue.get_unpacked_list():
                    atom.set_bfactor(value)
        writer, out = (MMCIFIO if is_cif else PDBIO)(), StringIO()
        writer.set_structure(model)
        writer.save(out)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(info.file, f"cannot be written with labels ({reason})") from None
    return out.getvalue(), ".cif" if is_cif else ".pdb"


def _ranges(
    prediction: Prediction, info: StructureInfo
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Give each label with the first and last residue numbers of its resolved stretches."""
    pairs = list(zip(info.numbers, prediction.labels, strict=True))
    for label in LABELS:
        found = []
        for shown, run in groupby(pairs, key=lambda pair: pair[1] == label and pair[0] != ""):
            if shown:
                numbers = [number for number, _ in run]
                found.append((numbers[0], numbers[-1]))
        if found:
            yield label, found


def _pymol(prediction: Prediction, info: StructureInfo, file: str) -> str:
    thing = Path(file).stem
    chain = f" and chain {info.chain}" if info.chain else ""
    lines = [f"load {file}, {thing}", "hide everything", f"show cartoon, {thing}"]
    lines.append(f"color 0x{LABEL_COLORS['-'][1:]}, {thing}")
    for label, ranges in _ranges(prediction, info):
        # PyMOL reads a minus sign as a range unless it is escaped.
        ends = [[number.replace("-", "\\-") for number in dict.fromkeys(pair)] for pair in ranges]
        spans = "+".join(map("-".join, ends))
        lines.append(f"# {LABEL_NAMES[label]}")
        lines.append(f"color 0x{LABEL_COLORS[label][1:]}, {thing}{chain} and resi {spans}")
    return "\n".join([*lines, f"orient {thing}", ""])


def _chimerax(prediction: Prediction, info: StructureInfo, file: str) -> str:
    lines = [f"open {file}", "hide atoms", "show cartoons", f"color {LABEL_COLORS['-']}"]
    chain = f"/{info.chain}" if info.chain else ""
    for label, ranges in _ranges(prediction, info):
        spans = ",".join(f"{a}-{b}" if a != b else a for a, b in ranges)
        lines.append(f"# {LABEL_NAMES[label]}")
        lines.append(f"color {chain}:{spans} {LABEL_COLORS[label]}")
    return "\n".join([*lines, "view", ""])
