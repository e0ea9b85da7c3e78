"""Structure files with predicted labels as B-factors, and scripts that colour them.

A script names chain and residues only where all of them are plain (letters, digits, an insertion
code); otherwise it selects the residues of a label by their B-factor, because a name from a file
could hold a command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from itertools import groupby
from os import PathLike
from pathlib import Path

from topo.errors import InputError
from topo.io.files import atomic_text, open_text
from topo.io.structure import StructureInfo
from topo.protein import Prediction
from topo.report.palette import label_colors, label_names

ELSEWHERE = -1.0
"""B-factor of atoms without a predicted label: other chains, ligands, tags."""

_MALFORMED = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
"""What Biopython raises on malformed files, besides its own errors."""

_PLAIN_CHAIN = re.compile("[A-Za-z0-9]{1,8}")
_PLAIN_NUMBER = re.compile("-?[0-9]{1,8}[A-Za-z]?")


def save_structure(
    prediction: Prediction, info: StructureInfo, folder: str | PathLike[str], name: str
) -> list[Path]:
    """Write a structure with its labels, a PyMOL script and a ChimeraX script.

    Parameters
    ----------
    prediction
        Prediction whose labels are written.
    info
        Structure of the protein.
    folder
        Path to the output folder.
    name
        Name of the files: ``NAME.pdb`` or ``NAME.cif`` in the format of the structure, with the
        index of the label in its scheme as B-factor (0 to 5 in the order I O P S M B,
        :data:`ELSEWHERE` for all other atoms), ``NAME.pml`` and ``NAME.cxc``.

    Returns
    -------
    list of Path
        Paths to the files.

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
    from Bio.PDB.mmcifio import MMCIFIO
    from Bio.PDB.MMCIFParser import MMCIFParser
    from Bio.PDB.PDBExceptions import PDBConstructionException, PDBIOException
    from Bio.PDB.PDBIO import PDBIO
    from Bio.PDB.PDBParser import PDBParser

    with open_text(info.file) as stream:
        text = stream.read()
    is_cif = text.lstrip("#\n ").startswith("data_")
    parser = (MMCIFParser if is_cif else PDBParser)(QUIET=True)
    try:
        models = list(parser.get_structure("topo", StringIO(text)) or ())
        model = next((m for m in models if m.serial_num == info.model), models[0])
        values = {
            number: float(prediction.scheme.index[label])
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
    except (*_MALFORMED, PDBConstructionException, PDBIOException) as error:
        reason = " ".join(str(error).split())
        raise InputError(info.file, f"cannot be written with labels ({reason})") from None
    return out.getvalue(), ".cif" if is_cif else ".pdb"


def _ranges(
    prediction: Prediction, info: StructureInfo
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each label with the first and last residue numbers of its resolved stretches."""
    pairs = list(zip(info.numbers, prediction.labels, strict=True))
    for label in prediction.scheme.letters:
        found = []
        for shown, run in groupby(pairs, key=lambda pair: pair[1] == label and pair[0] != ""):
            if shown:
                numbers = [number for number, _ in run]
                found.append((numbers[0], numbers[-1]))
        if found:
            yield label, found


def _is_plain(info: StructureInfo) -> bool:
    """Return whether scripts can name the chain and all residues without a command in a name."""
    names = {number for number in info.numbers if number}
    chain = not info.chain or _PLAIN_CHAIN.fullmatch(info.chain)
    return chain is not None and all(map(_PLAIN_NUMBER.fullmatch, names))


def _pymol(prediction: Prediction, info: StructureInfo, file: str) -> str:
    thing, plain = Path(file).stem, _is_plain(info)
    colors, names = label_colors(prediction.scheme), label_names(prediction.scheme)
    chain = f" and chain {info.chain}" if info.chain else ""
    lines = [f"load {file}, {thing}", "hide everything", f"show cartoon, {thing}"]
    lines.append(f"color 0x{colors['-'][1:]}, {thing}")
    for label, ranges in _ranges(prediction, info):
        # PyMOL reads a minus sign as a range unless it is escaped.
        ends = [[number.replace("-", "\\-") for number in dict.fromkeys(pair)] for pair in ranges]
        spans = "+".join(map("-".join, ends))
        where = f"{thing}{chain} and resi {spans}"
        if not plain:  # the B-factor is the label
            value = prediction.scheme.index[label]
            where = f"{thing} and b > {value - 0.5} and b < {value + 0.5}"
        lines.append(f"# {names[label]}")
        lines.append(f"color 0x{colors[label][1:]}, {where}")
    return "\n".join([*lines, f"orient {thing}", ""])


def _chimerax(prediction: Prediction, info: StructureInfo, file: str) -> str:
    plain = _is_plain(info)
    colors, names = label_colors(prediction.scheme), label_names(prediction.scheme)
    lines = [f"open {file}", "hide atoms", "show cartoons", f"color {colors['-']}"]
    chain = f"/{info.chain}" if info.chain else ""
    for label, ranges in _ranges(prediction, info):
        spans = ",".join(f"{a}-{b}" if a != b else a for a, b in ranges)
        where = f"{chain}:{spans}" if plain else f"@@bfactor={prediction.scheme.index[label]}"
        lines.append(f"# {names[label]}")
        lines.append(f"color {where} {colors[label]}")
    return "\n".join([*lines, "view", ""])
