"""Variants of a protein: substitutions, truncations and N-terminal tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from Bio.SeqUtils import IUPACData

from topo.errors import TopoError
from topo.protein import Protein
from topo.residues import AMINO_ACIDS

Kind = Literal["substitution", "truncation", "tag"]

NAMES: dict[str, str] = IUPACData.protein_letters_1to3_extended
"""Three-letter codes of the residues by their letters."""


@dataclass(frozen=True)
class Variant:
    """A changed sequence of a protein.

    Parameters
    ----------
    name
        Name: ``p.Leu42Pro`` for a substitution, the kept residues ``23-180`` for a truncation,
        ``tag:MHHHHHH`` for a tag.
    kind
        Kind of the change.
    sequence
        Residues of the variant.
    shift
        Place in the variant of the protein's first residue, 0-based: negative if residues before
        it are removed, positive if some are added.
    position
        Position of a substitution, from 1, or None.
    reference, alternate
        Residue of the protein at the position, and of the variant; empty for other kinds.
    """

    name: str
    kind: Kind
    sequence: str
    shift: int = 0
    position: int | None = None
    reference: str = ""
    alternate: str = ""


def substitution(sequence: str, position: int, alternate: str) -> Variant:
    """Return the variant with another residue at a position, from 1."""
    reference = sequence[position - 1]
    return Variant(
        f"p.{NAMES[reference]}{position}{NAMES[alternate]}",
        "substitution",
        sequence[: position - 1] + alternate + sequence[position:],
        0,
        position,
        reference,
        alternate,
    )


def substitutions(protein: Protein) -> Iterator[Variant]:
    """Yield all substitutions by the other standard residues, 19 for each standard residue."""
    for position, residue in enumerate(protein.sequence, 1):
        for alternate in AMINO_ACIDS:
            if alternate != residue:
                yield substitution(protein.sequence, position, alternate)


def truncated(protein: Protein, first: int, last: int) -> Variant:
    """Return the part of a protein from residue ``first`` to ``last``, from 1 and inclusive.

    Raises
    ------
    TopoError
        If the residues are not a part of the protein.
    """
    size = len(protein)
    if not 1 <= first <= last <= size or last - first + 1 == size:
        raise TopoError(
            f"found residues {first}-{last} to keep, expected a part of 1-{size} of {protein.id}"
        )
    return Variant(
        f"{first}-{last}", "truncation", protein.sequence[first - 1 : last], shift=1 - first
    )


def truncations(protein: Protein, step: int) -> Iterator[Variant]:
    """Yield the parts without ``step``, 2 ``step``, ... residues at the start, then at the end."""
    size = len(protein)
    for removed in range(step, size, step):
        yield truncated(protein, removed + 1, size)
    for removed in range(step, size, step):
        yield truncated(protein, 1, size - removed)


def tagged(protein: Protein, tag: str) -> Variant:
    """Return a protein with residues added before its first one.

    Raises
    ------
    TopoError
        If the tag is not made of residue letters.
    """
    if not (tag.isascii() and tag.isalpha()):
        raise TopoError(f"found tag {tag!r}, expected residue letters")
    tag = tag.upper()
    return Variant(f"tag:{tag}", "tag", tag + protein.sequence, shift=len(tag))
