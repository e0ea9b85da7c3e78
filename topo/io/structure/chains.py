"""Chains of residues with their backbone, independent of the file format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

BACKBONE = ("N", "CA", "C")
"""Atoms that are read, in the order of the arrays."""

NUCLEOTIDES = frozenset("ACGUITN") | {"DA", "DC", "DG", "DT", "DU", "DI", "DN"}


class Residue(NamedTuple):
    """One residue of a chain, alternate locations resolved."""

    name: str  # of three letters, e.g. MSE
    number: int
    insertion: str  # insertion code, empty where there is none
    atoms: np.ndarray  # (3, 3) float32: N, CA, C; NaN where missing
    b_factor: float  # of the C-alpha
    occupancy: float  # mean of its atoms
    position: int | None = None  # 0-based place in the chain's full sequence, where the file has it


@dataclass(frozen=True)
class Chain:
    """A protein chain of one model."""

    id: str
    residues: list[Residue]
    full: str | None  # the sequence of the molecule, unresolved residues too
    letters: Mapping[str, str]  # one-letter codes of modified residues, from the file itself

    @property
    def sequence(self) -> str:
        """One-letter sequence of the residues with coordinates."""
        return "".join(letter(residue.name, self.letters) for residue in self.residues)


@dataclass(frozen=True)
class Entry:
    """One model of a structure file."""

    chains: list[Chain]
    model: int
    predicted: bool  # then the B-factors are pLDDT
    names: frozenset[str]  # residue names of all atoms


def letter(name: str, explained: Mapping[str, str] | None = None) -> str:
    """Return the one-letter code of a residue's parent, ``X`` where it is unknown."""
    known = parents().get(name)
    return known or (explained or {}).get(name, "X")


@lru_cache(maxsize=1)
def parents() -> dict[str, str]:
    """Map residue names, modified ones included, to the letters of their parents."""
    from Bio.Data.PDBData import protein_letters_3to1_extended as extended

    table = {name.strip(): code for name, code in extended.items() if len(code) == 1}
    return {**table, "MSE": "M", "SEC": "U", "PYL": "O", "ASX": "B", "GLX": "Z", "UNK": "X"}


def without_duplicates(residues: Iterable[Residue]) -> list[Residue]:
    """Keep the most occupied of the residues that share a number, in the order of the file."""
    best: dict[tuple[int, str], Residue] = {}
    for residue in residues:
        key = residue.number, residue.insertion
        if key not in best or residue.occupancy > best[key].occupancy:
            best[key] = residue
    return list(best.values())
