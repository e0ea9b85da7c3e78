"""Homology-separated folds of a labelled set, and removal of proteins similar to another set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np

from topo.data.types import sampling_types, type_sets
from topo.errors import ConfigError, TopoError
from topo.homology.search import Hit, Similarity, find_similar, groups
from topo.io import read_labelled, write_partitions
from topo.labels import TYPES
from topo.protein import Protein

_MARGIN = 10.0
"""Factor of the expectation value at which pairs are joined, relative to that of the check. The
expectation value of an alignment is proportional to the size of the searched set, and the folds are
smaller than the whole set."""


@dataclass(frozen=True)
class Partition:
    """Folds of N proteins.

    Parameters
    ----------
    folds
        Fold index of each protein, int, shape (N,).
    groups
        Group of similar proteins of each protein, int, shape (N,).
    rounds
        Number of searches between the folds, the last of which found no pair.
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
    against each other; where that finds a pair, its groups are joined and all are assigned again.

    Parameters
    ----------
    proteins
        Proteins with labels, whose types are distributed evenly.
    count
        Number of folds.
    similarity
        Criteria of similarity; the defaults of :class:`Similarity` where None.
    seed
        Seed of the order of groups of the same size.
    threads
        Number of threads of MMseqs2.

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
    """Return the similar pairs across two folds, as indices into ``proteins``.

    Each fold is searched in the folds after it; MMseqs2 finds the same pairs in either direction.
    """
    found: list[Hit] = []
    for fold in np.unique(folds)[:-1]:
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds > fold)
        queries, targets = ([proteins[i] for i in part.tolist()] for part in (inside, outside))
        hits = find_similar(queries, targets, similarity, threads)
        found += [
            hit._replace(query=int(inside[hit.query]), target=int(outside[hit.target]))
            for hit in hits
        ]
    return found


def deal(joined: np.ndarray, types: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Assign whole groups to folds, largest first, each to the fold where its types are rarest.

    Parameters
    ----------
    joined
        Group of each protein, int, shape (N,).
    types
        Type index of each protein, int, shape (N,).
    count
        Number of folds.
    seed
        Seed of the order of groups of the same size.

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
        # The sum of squared shares of each type, of which only the part that depends on the fold:
        # a protein of a rare type has a larger share of its type.
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
    """Divide proteins into those that are similar to none of the others, and the rest.

    Returns
    -------
    kept, dropped
        Proteins in their order; each dropped one with the other of the highest identity, and the
        hit.
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
