"""Relatives of proteins: similar proteins, aligned."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from topo.homology.mmseqs import Similarity
from topo.homology.search import align_similar
from topo.protein import Protein, Relative

LIMIT = 30
"""Largest number of relatives of a protein, those with the highest scores."""

WEIGHT = 1.0
"""Weight of a relative. Weights by identity and coverage were no better, see
``checkpoints/training/EXPERIMENTS.md``."""

CRITERIA = Similarity(identity=0.0, coverage=0.5, expectation=1e-4, sensitivity=5.7)
"""Criteria of a relative; the coverage applies to both proteins."""


def find_relatives(
    queries: Iterable[Protein], candidates: Iterable[Protein], threads: int = 1
) -> dict[str, tuple[Relative, ...]]:
    """Search for the relatives of proteins among candidates.

    A candidate with the sequence of the protein is not a relative, because its scores would be
    the same; a sequence that several candidates have counts once.

    Parameters
    ----------
    queries
        Proteins; their ids are not used.
    candidates
        Proteins among which the relatives are.
    threads
        Number of threads of MMseqs2.

    Returns
    -------
    dict
        Relatives of each sequence that has some, best score first, at most :data:`LIMIT`.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    ours, theirs = _distinct(queries), _distinct(candidates)
    if not ours or not theirs:
        return {}
    best: dict[int, list[tuple[float, int, Relative]]] = {}
    for alignment in align_similar(ours, theirs, CRITERIA, threads):
        query, target = ours[alignment.query], theirs[alignment.target]
        if query.sequence == target.sequence:
            continue
        kept = best.setdefault(alignment.query, [])
        relative = Relative(target.sequence, alignment.blocks(), WEIGHT)
        entry = (alignment.score, -alignment.target, relative)
        if len(kept) < LIMIT:
            heapq.heappush(kept, entry)
        elif entry[:2] > kept[0][:2]:
            heapq.heapreplace(kept, entry)
    return {
        ours[query].sequence: tuple(relative for *_, relative in sorted(kept, reverse=True))
        for query, kept in best.items()
    }


def _distinct(proteins: Iterable[Protein]) -> Sequence[Protein]:
    """Return the first protein with each sequence."""
    found: dict[str, Protein] = {}
    for protein in proteins:
        if protein.sequence:
            found.setdefault(protein.sequence, protein)
    return list(found.values())
