"""Chains too long for one pass: scored in overlapping pieces, decoded as one chain.

Only encoder, convolutions and recurrence work on pieces. What they make of the residues is joined
before heads and decoder, whose memory is small (some 5 kB a residue), so that the topology of the
whole is legal by construction, and its type is that of the whole.
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
"""Residues that neighbouring pieces share at the least."""

AGREEMENT = 25
"""Residues in a row that must have the same best label in both pieces where they are joined."""


def score_in_pieces(
    protein: Protein, tagger: TopologyModel, config: GraphConfig, longest: int
) -> tuple[Scores, list[int]]:
    """Score a chain that the network reads in pieces of at most ``longest`` residues.

    Where two pieces overlap, their features are joined in the middle of the longest run of
    residues whose highest emission is the same in both. The heads read the joined features.

    Returns
    -------
    scores, disagreements
        Scores of the whole chain; and positions (from 0) where pieces were joined although they
        agree over fewer than :data:`AGREEMENT` residues in a row.
    """
    spans = cut_chain(len(protein), longest)
    parts: list[Tensor] = []  # what is kept of each piece, (size, width)
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
    """Return the features (size, width) of a piece, and its residues' highest emission."""
    graph = residue_graph(protein, config, start=start, end=end)
    graph = collate([graph]).to(next(tagger.parameters()).device)
    x = tagger.features(graph)
    return x, tagger.score(x, graph.batch, graph.length).emissions.argmax(1)


def cut_chain(size: int, longest: int) -> list[tuple[int, int]]:
    """Lay pieces of ``longest`` residues evenly over a chain, overlapping by :data:`OVERLAP`."""
    if size <= longest:
        return [(0, size)]
    overlap = min(OVERLAP, longest // 2)
    count = -(-(size - overlap) // (longest - overlap))
    starts = [i * (size - longest) // (count - 1) for i in range(count)]
    return [(start, start + longest) for start in starts]


def longest_run(same: Sequence[bool]) -> tuple[int, int]:
    """Middle and length of the first longest run of true values; the middle of all if none."""
    middle, longest, start = len(same) // 2, 0, 0
    for place, value in enumerate([*same, False]):
        if value:
            continue
        if place - start > longest:
            middle, longest = (start + place) // 2, place - start
        start = place + 1
    return middle, longest
