"""Search for similar proteins with MMseqs2.

Two proteins are similar when they align with at least the identity over at least the coverage of
the shorter one, at an expectation value that MMseqs2 reports. Equal sequences are always similar
(MMseqs2 finds no hit among very short or repetitive ones). Long chains are compared in pieces
(:mod:`topo.homology.overlaps`). Identity is that of the alignment: equal
residues over aligned columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from topo.homology.mmseqs import Similarity, search
from topo.homology.overlaps import Piece, Span, cut, joined, longest_whole
from topo.protein import Protein

_COLUMNS = "query,target,fident,qcov,tcov,qlen,tlen,qstart,qend,tstart,tend"
_ALIGNMENT_COLUMNS = "query,target,fident,bits,qstart,tstart,qaln,taln"


class Hit(NamedTuple):
    """A similar pair: index of the query, index of the target, identity, coverage."""

    query: int
    target: int
    identity: float
    coverage: float


class Alignment(NamedTuple):
    """Pairwise alignment of two proteins.

    Parameters
    ----------
    query, target
        Index of each protein.
    identity
        Share of equal residues.
    score
        Bit score.
    query_start, target_start
        Index of the first aligned residue, 0-based.
    query_row, target_row
        Rows of the alignment, of equal length, ``-`` for a gap.
    """

    query: int
    target: int
    identity: float
    score: float
    query_start: int
    target_start: int
    query_row: str
    target_row: str

    def blocks(self) -> np.ndarray:
        """Return the aligned stretches, see :class:`topo.protein.Relative`, int32, (N, 3)."""
        rows = [np.array(list(row)) != "-" for row in (self.query_row, self.target_row)]
        both = rows[0] & rows[1]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], both, [False]]).astype(int)))
        first, end = edges[::2], edges[1::2]
        starts = (self.query_start, self.target_start)
        places = [np.cumsum(row) - 1 + start for row, start in zip(rows, starts, strict=True)]
        found = [places[0][first], places[1][first], end - first]
        return np.stack(found, axis=1).astype(np.int32)


def find_similar(
    queries: Sequence[Protein],
    targets: Sequence[Protein],
    similarity: Similarity,
    threads: int = 1,
) -> list[Hit]:
    """Search queries in targets; the hit of a protein with itself is included.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    longest = longest_whole(similarity.coverage)
    ours, theirs = ([*cut([p.sequence for p in x], longest)] for x in (queries, targets))
    hits = {(hit.query, hit.target): hit for hit in _equal(queries, targets)}
    spans: dict[tuple[int, int], list[Span]] = {}
    texts = [piece.sequence for piece in ours], [piece.sequence for piece in theirs]
    for fields in search(texts[0], texts[1], similarity, threads, _COLUMNS):
        query, target = ours[int(fields[0])], theirs[int(fields[1])]
        pair = query.chain, target.chain
        if max(len(queries[pair[0]]), len(targets[pair[1]])) > longest:
            spans.setdefault(pair, []).append(_span(query, target, fields))
            continue
        hit = _hit(*pair, fields)
        if hit.identity >= similarity.identity and hit.coverage >= similarity.coverage:
            hits.setdefault(pair, hit)
    for pair, parts in spans.items():
        sizes = len(queries[pair[0]]), len(targets[pair[1]])
        hit = Hit(*pair, *joined(parts, min(sizes), sizes[0] <= sizes[1]))
        if hit.identity >= similarity.identity and hit.coverage >= similarity.coverage:
            hits.setdefault(pair, hit)
    return list(hits.values())


def number_in_pieces(proteins: Iterable[Protein], similarity: Similarity) -> int:
    """Return the number of proteins that are too long to be compared as a whole."""
    return sum(len(protein) > longest_whole(similarity.coverage) for protein in proteins)


def align_similar(
    queries: Sequence[Protein],
    targets: Iterable[Protein],
    similarity: Similarity,
    threads: int = 1,
) -> Iterator[Alignment]:
    """Align queries with their similar targets; ``coverage`` applies to both chains.

    Raises
    ------
    TopoError
        If MMseqs2 is not installed or fails.
    """
    wanted = ("-c", str(similarity.coverage), "--cov-mode", "0")
    texts = (p.sequence for p in queries), (p.sequence for p in targets)
    for fields in search(texts[0], texts[1], similarity, threads, _ALIGNMENT_COLUMNS, wanted):
        query, target, identity, score, start, target_start, *rows = fields
        yield Alignment(
            int(query),
            int(target),
            float(identity),
            float(score),
            int(start) - 1,
            int(target_start) - 1,
            *rows,
        )


def groups(count: int, hits: Sequence[Hit]) -> np.ndarray:
    """Return the group of directly or indirectly similar proteins of each, int, shape (count,)."""
    rows, columns = [hit.query for hit in hits], [hit.target for hit in hits]
    from scipy.sparse import coo_matrix  # prediction does without scipy
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(hits)), (rows, columns)), shape=(count, count))
    return connected_components(links, directed=False)[1]


def _hit(query: int, target: int, fields: Sequence[str]) -> Hit:
    covered, covered_target, length, length_target = map(float, fields[3:7])
    coverage = covered if length <= length_target else covered_target
    return Hit(query, target, float(fields[2]), coverage)


def _span(query: Piece, target: Piece, fields: Sequence[str]) -> Span:
    start, end, start_target, end_target = map(int, fields[7:])
    return Span(
        query.start + start - 1,
        query.start + end,
        target.start + start_target - 1,
        target.start + end_target,
        float(fields[2]),
    )


def _equal(queries: Sequence[Protein], targets: Sequence[Protein]) -> Iterator[Hit]:
    places: dict[str, list[int]] = {}
    for i, protein in enumerate(targets):
        places.setdefault(protein.sequence, []).append(i)
    for i, protein in enumerate(queries):
        yield from (Hit(i, j, 1.0, 1.0) for j in places.get(protein.sequence, ()))
