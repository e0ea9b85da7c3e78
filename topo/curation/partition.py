"""Homology-separated folds of a labelled set, and removal of proteins similar to another set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from topo.curation.homology import Hit, Similarity, find_similar, groups
from topo.data.types import sampling_types, type_sets
from topo.errors import ConfigError, TopoError
from topo.io import read_labelled, write_partitions
from topo.labels import TYPES
from topo.protein import Protein

_MARGIN = 10.0
"""Pairs are joined at this many times the expectation value that the check uses: the value of an
alignment falls with the size of the set that is searched, and the folds are smaller."""


@dataclass(frozen=True)
class Partition:
    """Folds of N proteins.

    Parameters
    ----------
    folds
        Fold index of each protein, int, shape (N,).
    groups
        Group of similar proteins that each belongs to, int, shape (N,).
    rounds
        Searches between the folds until none found a pair; groups that had one were joined.
    """

    folds: np.ndarray
    groups: np.ndarray
    rounds: int


@dataclass(frozen=True)
class FoldFile:
    """A partitions file that :func:`write_folds` wrote.

    Parameters
    ----------
    path
        Path to the file.
    proteins
        Its proteins, fold by fold.
    groups
        Number of groups of similar proteins.
    similarity
        No pair across two folds is similar by this rule.
    """

    path: str | PathLike[str]
    proteins: list[Protein]
    groups: int
    similarity: Similarity


def write_folds(
    file: str,
    output: str | PathLike[str],
    count: int,
    similarity: Similarity | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
) -> FoldFile:
    """Divide the proteins of a file into folds ``cv0``, ``cv1``, ... and write them as JSON.

    Parameters
    ----------
    file
        Labelled proteins in any format that :func:`topo.io.read_labelled` reads.
    output
        Path to the partitions file.
    count, similarity, seed, threads
        See :func:`partition`, which also states the errors.
    """
    similarity = similarity or Similarity()
    proteins = list(read_labelled(file))
    found = partition(proteins, count, similarity, seed=seed, threads=threads)
    placed = [
        replace(protein, fold=f"cv{fold}")
        for protein, fold in sorted(zip(proteins, found.folds, strict=True), key=lambda x: x[1])
    ]
    write_partitions(placed, output)
    return FoldFile(output, placed, int(found.groups.max()) + 1, similarity)


def partition(
    proteins: Sequence[Protein],
    count: int,
    similarity: Similarity | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
) -> Partition:
    """Divide proteins into folds with no similar pair across two of them, each type spread evenly.

    Groups of directly or indirectly similar proteins stay together. The folds are then searched
    against each other; where that finds a pair, its groups are joined and dealt out again.

    Parameters
    ----------
    proteins
        With labels, whose types are spread.
    count
        Number of folds.
    similarity
        When two proteins are similar; the defaults of :class:`Similarity` where None.
    seed
        Order in which groups of the same size are dealt.
    threads
        Of MMseqs2.

    Raises
    ------
    ConfigError
        If there are fewer groups than folds.
    TopoError
        If MMseqs2 is missing or fails.
    """
    similarity = similarity or Similarity()
    loose = replace(similarity, expectation=similarity.expectation * _MARGIN)
    hits = find_similar(proteins, proteins, loose, threads)
    types = sampling_types(type_sets(proteins))
    rounds = 0
    while True:
        joined = groups(len(proteins), hits)
        if joined.max(initial=-1) + 1 < count:
            raise ConfigError(
                f"found {joined.max(initial=-1) + 1} groups of similar proteins among "
                f"{len(proteins)}, expected at least the {count} folds"
            )
        folds = deal(joined, types, count, seed)
        rounds += 1
        across = similar_across(proteins, folds, similarity, threads)
        if not across:
            return Partition(folds, joined, rounds)
        hits += across


def similar_across(
    proteins: Sequence[Protein], folds: np.ndarray, similarity: Similarity, threads: int = 1
) -> list[Hit]:
    """Search each fold in those after it and return the similar pairs; indices into ``proteins``.

    MMseqs2 searches as well one way as the other, and each pair of folds is searched once.
    """
    found: list[Hit] = []
    for fold in np.unique(folds)[:-1]:
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds > fold)
        hits = find_similar(
            [proteins[i] for i in inside], [proteins[i] for i in outside], similarity, threads
        )
        found += [
            hit._replace(query=int(inside[hit.query]), target=int(outside[hit.target]))
            for hit in hits
        ]
    return found


def deal(joined: np.ndarray, types: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Give whole groups to folds, largest first, each where its types are scarcest.

    Parameters
    ----------
    joined
        Group of each protein, int, shape (N,).
    types
        Type index of each protein, int, shape (N,).
    count
        Number of folds.
    seed
        Order of groups of the same size.

    Returns
    -------
    numpy.ndarray
        Fold of each protein, int, shape (N,).
    """
    held = np.zeros((joined.max() + 1, len(TYPES)))  # (groups, 5)
    np.add.at(held, (joined, types), 1)
    share = held.sum(0) / count
    filled = np.zeros((count, len(TYPES)))
    order = np.random.default_rng(seed).permutation(len(held))
    order = order[np.argsort(-held[order].sum(1), kind="stable")]
    place = np.empty(len(held), dtype=int)
    for group in order:
        # A protein of a rare type weighs as much as its share of that type: sum of squared
        # fillings, the part that depends on the fold.
        cost = ((2 * filled + held[group]) * held[group] / np.maximum(share, 1e-9) ** 2).sum(1)
        fold = min(range(count), key=lambda f: (cost[f], filled[f].sum()))
        place[group] = fold
        filled[fold] += held[group]
    return place[joined]


def without_similar(
    proteins: Sequence[Protein],
    others: Sequence[Protein],
    similarity: Similarity | None = None,
    threads: int = 1,
) -> tuple[list[Protein], list[tuple[Protein, Protein, Hit]]]:
    """Divide proteins into those similar to none of the others, and those that are.

    Returns
    -------
    kept, dropped
        In the order given; each dropped one with the other that it is most identical to.
    """
    if not others:
        raise TopoError("found no protein to compare with")
    best: dict[int, Hit] = {}
    for hit in find_similar(proteins, others, similarity or Similarity(), threads):
        if hit.query not in best or hit.identity > best[hit.query].identity:
            best[hit.query] = hit
    kept = [protein for i, protein in enumerate(proteins) if i not in best]
    dropped = [(proteins[i], others[best[i].target], best[i]) for i in sorted(best)]
    return kept, dropped
