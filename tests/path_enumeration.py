"""Oracle: every path of a small grammar, one by one, scored from the table and by no recursion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from topo.crf.layer import GrammarCRF
from topo.grammar.table import Grammar, default_grammar
from topo.labels import UNKNOWN
from topo.labels.scheme import SIX, LabelScheme

Path = tuple[tuple[int, int, int], ...]  # (state, start, end)
BOUNDS = {"S": (2, 3), "M": (2, 4), "B": (1, 3)}


def small_grammar(**minima: int) -> Grammar:
    """The default table with durations that fit into chains of a dozen residues."""
    rows = []
    for state in default_grammar().states:
        low, high = BOUNDS.get(state.letter, (minima.get(state.letter, 1), None))
        rows.append(replace(state, minimum=low, maximum=high))
    return Grammar(tuple(rows))


def paths(
    grammar: Grammar, size: int, open_start: bool = False, open_end: bool = False
) -> Iterator[Path]:
    """All paths of a chain; those of whole chains spell a protein type."""

    def extend(path: Path, state: int, start: int) -> Iterator[Path]:
        row = grammar.states[state]
        for end in range(start + 1, size + 1):
            length = end - start
            cut = (open_start and start == 0) or (open_end and end == size)
            if row.maximum is not None and length > row.maximum:
                return
            if length < row.minimum and not cut:
                continue
            longer = (*path, (state, start, end))
            if end == size:
                if row.end or open_end:
                    yield longer
            else:
                for name in row.successors:
                    yield from extend(longer, grammar.index[name], end)

    for state, row in enumerate(grammar.states):
        if row.start or open_start:
            for path in extend((), state, 0):
                if (
                    open_start
                    or open_end
                    or grammar.scheme.type_of(spell(grammar, path)) is not None
                ):
                    yield path


def spell(grammar: Grammar, path: Path) -> str:
    return "".join(grammar.states[state].letter * (end - start) for state, start, end in path)


def agrees(known: str, labels: str) -> bool:
    return all(a in (b, UNKNOWN) for a, b in zip(known, labels, strict=True))


def score(
    crf: GrammarCRF,
    path: Path,
    emissions: Tensor,
    type_scores: Tensor | None = None,
    ends: Tensor | None = None,
    open_start: bool = False,
    open_end: bool = False,
) -> Tensor:
    """Score of a path, differentiable."""
    grammar, size = crf.grammar, len(emissions)
    total = emissions.new_zeros(())
    for i, (state, start, end) in enumerate(path):
        row, length = grammar.states[state], end - start
        total = total + emissions[start:end, grammar.channels.index(row.emission)].sum()
        cut = (open_start and start == 0) or (open_end and end == size)
        if row.maximum is None:
            total = total + crf.stay[state] * max(length - row.minimum, 0)
        elif cut:
            total = total + crf.duration[
                state, max(length, row.minimum) : row.maximum + 1
            ].logsumexp(0)
        else:
            total = total + crf.duration[state, length]
        if i:
            total = total + crf.transition[grammar.arcs.index((path[i - 1][0], state))]
        if end < size and ends is not None and row.letter in grammar.scheme.alike("S"):
            total = total + ends[end - 1]
    if not open_start:
        total = total + crf.start[path[0][0]]
    if not open_end:
        total = total + crf.end[path[-1][0]]
    if type_scores is not None and not (open_start or open_end):
        total = total + type_scores[grammar.scheme.type_names.index(_type(grammar, path))]
    return total


def _type(grammar: Grammar, path: Path) -> str:
    name = grammar.scheme.type_of(spell(grammar, path))
    assert name is not None
    return name


def label_matrix(labels: str, scheme: LabelScheme = SIX) -> Tensor:
    """One-hot letters, (R, labels)."""
    index = torch.from_numpy(scheme.encode(labels))
    return torch.nn.functional.one_hot(index, len(scheme.letters)).double()


def random_crf(grammar: Grammar, seed: int, channels: str = "letters") -> GrammarCRF:
    """A CRF in float64 with random scores."""
    torch.manual_seed(seed)
    crf = GrammarCRF(grammar, channels).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf
