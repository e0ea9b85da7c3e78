"""Protein types of labelled proteins, as arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topo.grammar.legality import possible_types
from topo.grammar.table import Grammar, default_grammar
from topo.protein import Protein


def type_sets(proteins: Sequence[Protein], grammar: Grammar | None = None) -> np.ndarray:
    """Return which types the labels of each protein leave possible.

    Parameters
    ----------
    proteins
        N proteins with labels.
    grammar
        Grammar of the legal paths; the default grammar where None.

    Returns
    -------
    numpy.ndarray
        bool, shape (N, types). A row without a true entry belongs to a protein without a legal
        path.
    """
    names = (grammar or default_grammar()).scheme.type_names
    sets = np.zeros((len(proteins), len(names)), dtype=bool)
    for row, protein in zip(sets, proteins, strict=True):
        for name in possible_types(protein.labels or "", grammar):
            row[names.index(name)] = True
    return sets


def sampling_types(sets: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the type that each protein counts as in sampling.

    A protein with several possible types counts as the one that is most frequent among the
    proteins whose type is certain. Frequencies are sums of weights, so that a large set of small
    weight, such as weakly labelled barrels, does not attract the uncertain proteins of other sets.

    Parameters
    ----------
    sets
        Possible types, bool, shape (N, types), see :func:`type_sets`.
    weights
        Sampling weight of each protein, shape (N,); equal where None.

    Returns
    -------
    numpy.ndarray
        int64, shape (N,).
    """
    own = np.ones(len(sets)) if weights is None else weights
    certain = sets.sum(1) == 1
    return np.where(sets, own[certain] @ sets[certain] + 1, 0).argmax(1)
