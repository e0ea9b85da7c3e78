"""Recognition of nucleotide sequences that are given in the place of proteins."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

from topo.errors import InputError, InputWarning
from topo.protein import Protein

_BASES = frozenset("ACGT")
_CERTAIN = "ACGTUN"
_CODES = frozenset("ACGTUNRYSWKMBDHV")
_SHORTEST = 30
"""Fewest letters; a random protein of 30 residues has none but these with odds of 1e-17."""

_LEAST_CERTAIN = 0.9
_LEAST_BASES = 3
"""Silk and antifreeze proteins have long stretches of two of these letters."""

_HELD = 1000
"""Nucleotides at the start of a file that are held back until a protein comes."""

_SHOWN = 5


def is_nucleotides(sequence: str) -> bool:
    """Return whether a sequence is DNA or RNA by its letters.

    It has at least 30 letters, only IUPAC codes of nucleotides, nine in ten of them
    ``A C G T U N``, and at least three different bases.

    Examples
    --------
    >>> is_nucleotides("ATGACGTTTCCAGGATACGGACTTAACGAT")
    True
    >>> is_nucleotides("GAGAGAGAGAGAGAGAGAGAGAGAGAGAGAGA")
    False
    """
    if len(sequence) < _SHORTEST or not _CODES.issuperset(sequence):
        return False
    if len(_BASES.intersection(sequence.replace("U", "T"))) < _LEAST_BASES:
        return False
    return sum(map(sequence.count, _CERTAIN)) >= _LEAST_CERTAIN * len(sequence)


def refuse_nucleotides(proteins: Iterable[Protein], source: str) -> Iterator[Protein]:
    """Yield proteins; refuse a file of nucleotides, and name single records in a warning.

    A file is one of nucleotides if at least half of its records are. Records with labels are
    proteins.

    Raises
    ------
    InputError
        If the file is one of nucleotides. It is raised before the first record where the file holds
        nothing else, and else after the last.
    """
    held: list[Protein] = []
    names: list[str] = []
    count = total = 0
    for protein in proteins:
        total += 1
        if protein.labels is None and is_nucleotides(protein.sequence):
            count += 1
            if len(names) < _SHOWN:
                names.append(protein.id)
            if count == total <= _HELD:
                held.append(protein)
                continue
        yield from held
        held = []
        yield protein
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    found = f"{count:,} of {total:,} records are nucleotides ({', '.join(names)}{more})"
    if count and 2 * count >= total:
        raise InputError(
            source, f"{found}, expected proteins; translate them first, or give --allow-nucleotides"
        )
    if count:
        warnings.warn(
            f"{source}: {found}; their predictions mean nothing", InputWarning, stacklevel=2
        )
