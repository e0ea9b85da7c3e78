"""Scores of long chains, computed in overlapping pieces.

Encoder, convolutions and recurrence process one piece at a time. Their features are joined before
the heads and the decoder, which need little memory (about 5 kB per residue). The topology and the
type therefore belong to the whole chain, and the topology is legal by construction.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from topo.config import GraphConfig
from topo.graph import collate, residue_graph
from topo.nn.decoding import Scores, TopologyModel
from topo.protein import Protein

OVERLAP = 512
"""Smallest number of residues that neighbouring pieces share."""

AGREEMENT = 25
"""Number of consecutive residues with the same best label in both pieces of a reliable join."""


def score_in_pieces(
    protein: Protein, tagger: TopologyModel, config: GraphConfig, longest: int
) -> tuple[Scores, list[int]]:
    """Score a chain in pieces of at most ``longest`` residues.

    In the overlap of two pieces, their features are joined in the middle of the longest run of
    residues whose highest emission is the same in both. The heads score the joined features.

    Parameters
    ----------
    protein
        Protein to score.
    tagger
        Model that scores it.
    config
        Graph that the model reads.
    longest
        Largest number of residues per piece.

    Returns
    -------
    scores : topo.nn.tagger.Scores
        Scores of the whole chain.
    disagreements : list of int
        Positions (from 0) of joins where the pieces agree over fewer than :data:`AGREEMENT`
        consecutive residues.
    """
    spans = cut_chain(len(protein), longest)
    parts: list[Tensor] = []  # features kept of each piece, (size, width)
    disagreements = []
    low, last, last_best = 0, torch.empty(0), torch.empty(0)
    for number, (start, end) in enumerate(spans):
        x, best = _read_piece(protein, tagger, config, start, end)
        if number:
            shared = spans[number - 1][1] - start
            middle, agreeing = longest_run((last_best[-shared:] == best[:shared]).tolist())
            parts.append(last[low - spans[number - 1][0] : start + middle - spans[number - 1][0]])
            low = start + middle
            if agreeing < AGREEMENT:
                disagreements.append(low)
        last, last_best = x, best
    parts.append(last[low - spans[-1][0] :])
    joined = torch.cat(parts)
    chain = torch.zeros(len(joined), dtype=torch.long, device=joined.device)
    lengths = torch.tensor([len(joined)], device=joined.device)
    return tagger.score(joined, chain, lengths), disagreements


def _read_piece(
    protein: Protein, tagger: TopologyModel, config: GraphConfig, start: int, end: int
) -> tuple[Tensor, Tensor]:
    """Return the features of a piece, (size, width), and its best labels by emission, (size,)."""
    graph = residue_graph(protein, config, start=start, end=end, scheme=None)
    graph = collate([graph]).to(next(tagger.parameters()).device)
    x = tagger.features(graph)
    assert graph.batch is not None, "collate makes a batch"
    return x, tagger.score(x, graph.batch, graph.length).emissions.argmax(1)


def cut_chain(size: int, longest: int) -> list[tuple[int, int]]:
    """Return evenly spaced spans of ``longest`` residues that overlap by at least :data:`OVERLAP`.

    The overlap of pieces shorter than 2 :data:`OVERLAP` is at least half a piece.
    """
    if size <= longest:
        return [(0, size)]
    overlap = min(OVERLAP, longest // 2)
    count = -(-(size - overlap) // (longest - overlap))
    starts = [i * (size - longest) // (count - 1) for i in range(count)]
    return [(start, start + longest) for start in starts]


def longest_run(same: Sequence[bool]) -> tuple[int, int]:
    """Return middle and length of the first longest run of true values.

    Without true values, these are the middle of the sequence and 0.
    """
    middle, longest, start = len(same) // 2, 0, 0
    for place, value in enumerate([*same, False]):
        if value:
            continue
        if place - start > longest:
            middle, longest = (start + place) // 2, place - start
        start = place + 1
    return middle, longest
