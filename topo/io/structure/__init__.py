"""Protein structures: PDB and mmCIF files into proteins with coordinates."""

from topo.io.structure.cache import cached_structure
from topo.io.structure.folder import Place, StructureFolder
from topo.io.structure.read import (
    StructureInfo,
    is_structure_file,
    read_structure,
    structure_id,
    with_structure,
    without_structure,
)

__all__ = [
    "Place",
    "StructureFolder",
    "StructureInfo",
    "cached_structure",
    "is_structure_file",
    "read_structure",
    "structure_id",
    "with_structure",
    "without_structure",
]
