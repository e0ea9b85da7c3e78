"""Random subsets of labelled proteins by type."""

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
    """Draw a share of the proteins of each type, independently and in their order.

    Parameters
    ----------
    proteins
        Labelled proteins; those without a certain type are left out.
    shares
        Probability of a draw, by type; other types are kept whole.
    shortest, longest
        Minimum and maximum number of residues of a protein.
    seed
        Seed of the draw. Whether a protein is drawn depends on the seed and its position only.
    """
    random = np.random.default_rng(seed)
    for protein in proteins:
        chance = random.random()
        kind = protein_type(protein.labels or "")
        if kind and shortest <= len(protein) <= longest and chance < shares.get(kind, 1.0):
            yield protein
