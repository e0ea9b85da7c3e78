"""Parts of large sets, such as the proteins of a proteome that a model has labelled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from topo.labels import protein_type
from topo.protein import Protein


def draw_by_type(
    proteins: Iterable[Protein],
    shares: Mapping[str, float],
    shortest: int = 1,
    longest: float = math.inf,
    seed: int = 0,
) -> Iterator[Protein]:
    """Draw a share of the proteins of each type, each protein by itself and in their order.

    Parameters
    ----------
    proteins
        Labelled proteins; those without one type are passed over.
    shares
        Probability to be drawn by type; a type that is not named is kept whole.
    shortest, longest
        Residues that a protein has at least and at most.
    seed
        Of the draw. A protein's fate depends on nothing but it and the protein's place.
    """
    random = np.random.default_rng(seed)
    for protein in proteins:
        chance = random.random()
        kind = protein_type(protein.labels or "")
        if kind and shortest <= len(protein) <= longest and chance < shares.get(kind, 1.0):
            yield protein
