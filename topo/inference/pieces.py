"""Chains too long for one pass: scored in overlapping pieces, decoded as one chain.

Only the network works on pieces. Their scores are joined before decoding, whose memory is small
(some 1 kB a residue), so that the topology of the whole is legal by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from topo.config import GraphConfig
from topo.graph import collate, residue_graph
from topo.nn.tagger import Scores, Tagger
from topo.protein import Protein

OVERLAP = 512
"""Residues that neighbouring pieces share at the least."""

AGREEMENT = 25
"""Residues in a row that must have the same best label in both pieces where they are joined."""


def score_in_pieces(
    protein: Protein, tagger: Tagger, config: GraphConfig, longest: int
) -> tuple[Scores, list[int]]:
    """Score a chain in pieces of at most ``longest`` residues.

    Where two pieces overlap, they are joined in the middle of the longest run of residues whose
    highest emission is the same in both. Type scores are averaged by the pieces' lengths, as
    log-probabilities.

    Returns
    -------
    scores, disagreements
        Scores of the whole chain; and positions (from 0) where pieces were joined although they
        agree over fewer than :data:`AGREEMENT` residues in a row.
    """
    device = next(tagger.parameters()).device
    spans = cut_chain(len(protein), longest)
    parts = []
    for start, end in spans:
        graph = residue_graph(
            protein, config.window, start=start, end=end, structure=config.spatial
        )
        scores = tagger(collate([graph]).to(device))
        parts.append(Scores(*(None if s is None else s.cpu() for s in scores)))
    joints, disagreements = [0], []
    for (a, (_, end)), (b, (start, _)) in pairwise(zip(parts, spans, strict=True)):
        same = _same_best(a.emissions[start - end :], b.emissions[: end - start])
        middle, agreeing = longest_run(same.tolist())
        joints.append(start + middle)
        if agreeing < AGREEMENT:
            disagreements.append(start + middle)
    joints.append(len(protein))
    kept = [
        slice(low - start, high - start)
        for (start, _), (low, high) in zip(spans, pairwise(joints), strict=True)
    ]
    weights = torch.tensor([end - start for start, end in spans], dtype=torch.float32)
    return (
        Scores(
            emissions=torch.cat([p.emissions[k] for p, k in zip(parts, kept, strict=True)]),
            types=_mean_type([p.types for p in parts], weights),
            ends=_joined([p.ends for p in parts], kept),
            lengths=torch.tensor([len(protein)]),
        ),
        disagreements,
    )


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


def _same_best(one: Tensor, other: Tensor) -> Tensor:
    return one.argmax(1) == other.argmax(1)


def _mean_type(types: list[Tensor | None], weights: Tensor) -> Tensor | None:
    known = [scores.log_softmax(1) for scores in types if scores is not None]
    if not known:
        return None
    return (torch.cat(known) * weights[:, None]).sum(0, keepdim=True) / weights.sum()


def _joined(parts: list[Tensor | None], kept: list[slice]) -> Tensor | None:
    known = [part[k] for part, k in zip(parts, kept, strict=True) if part is not None]
    return torch.cat(known) if known else None
