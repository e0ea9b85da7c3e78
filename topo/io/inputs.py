"""Inputs of a prediction: sequence files, structure files, and folders of both."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path

from topo.errors import InputError, InputWarning
from topo.io.formats import has_suffix, suffixes_of
from topo.io.readers import read_proteins
from topo.io.structure import StructureFolder, cached_structure, is_structure_file
from topo.protein import Protein

_SEQUENCE_SUFFIXES = suffixes_of("proteins")


def read_inputs(
    path: str | PathLike[str],
    structures: str | PathLike[str] | None = None,
    chain: str | None = None,
) -> Iterator[Protein]:
    """Read proteins, with coordinates where available.

    Parameters
    ----------
    path
        Path to a file that :func:`topo.io.read_proteins` reads; a PDB or mmCIF file; or a folder of
        sequence files (by their suffix) and structure files. In a folder a structure belongs to
        the sequence with its id; without one it is a protein by itself.
    structures
        Path to a folder of structures, assigned to the proteins of a sequence file by id.
    chain
        Name of the chain of a structure file; None takes the first.

    Yields
    ------
    Protein
        In the order of the file; of a folder, the sequence files' first, both sorted by name.

    Raises
    ------
    InputError
        If nothing can be read. A broken structure in a folder is a warning.
    """
    if Path(path).is_dir():
        yield from _read_folder(Path(path))
    elif is_structure_file(path):
        yield cached_structure(path, chain=chain)
    elif structures is not None:
        yield from StructureFolder(structures).attach(read_proteins(path))
    else:
        yield from read_proteins(path)


def _read_folder(path: Path) -> Iterator[Protein]:
    folder = StructureFolder(path)
    used: set[Path] = set()
    found = False
    for file in sorted(path.iterdir()):
        if has_suffix(file.name, _SEQUENCE_SUFFIXES) and file.is_file():
            for protein in folder.attach(read_proteins(file)):
                if place := folder.find(protein.id):
                    used.add(place.path)
                found = True
                yield protein
    for name, place in folder.places.items():
        if place.path in used:
            continue
        try:
            protein = cached_structure(place.path, chain=place.chain)
        except InputError as error:
            warnings.warn(f"{error}; left out", InputWarning, stacklevel=2)
            continue
        found = True
        yield replace(protein, id=name)
    if not found:
        raise InputError(path, "holds no sequences or structures that can be read")
