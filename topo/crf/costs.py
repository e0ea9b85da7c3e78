"""Costs of the posterior decoder, and the topology of the largest expected gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from topo.crf import semimarkov, viterbi
from topo.crf.likelihood import ChainBatch, in_threads
from topo.grammar.automaton import Automaton
from topo.grammar.plausibility import Limits
from topo.grammar.table import Grammar
from topo.labels import HELIX, OUTSIDE, STRAND
from topo.labels.scheme import LabelScheme


class DecoderCosts(NamedTuple):
    """Gain and costs of a topology in residues; by default the number of correct labels.

    Parameters
    ----------
    side
        Fraction of a loop residue's gain that requires the right side; the rest is gained on
        any side.
    segment
        Cost of each membrane segment.
    helix, short
        A membrane helix shorter than ``helix`` residues costs ``short`` per missing residue.
    limits
        Segments and ends of barrels beyond them are forbidden; none if None.
    """

    side: float = 1.0
    segment: float = 0.0
    helix: int = 0
    short: float = 0.0
    limits: Limits | None = None

    def gains(self, scheme: LabelScheme, letters: Sequence[str]) -> Tensor:
        """Gain of a path letter where another label is true, float64 (labels, letters)."""
        same = np.equal.outer(list(scheme.letters), list(letters))
        loops = list(scheme.loops)
        loop = np.logical_and.outer(*(np.isin(list(x), loops) for x in (scheme.letters, letters)))
        return torch.from_numpy(np.where(loop, self.side * same + (1 - self.side), same))

    def scores(self, grammar: Grammar, automaton: Automaton) -> semimarkov.PathScores:
        """Scores of an automaton of a grammar that hold these costs alone."""
        states, arcs = len(automaton.letter), len(automaton.source)
        membrane = membrane_states(grammar, automaton)
        helix = grammar.alike(automaton, HELIX)
        lengths = np.arange(int(automaton.maximum.max()) + 1)
        lacking = np.maximum(self.helix - lengths, 0)
        duration = np.zeros((states, len(lengths)))
        duration -= self.short * np.outer(helix, lacking)
        scores = semimarkov.PathScores(
            transition=np.zeros(arcs) - self.segment * membrane[automaton.target],
            stay=np.zeros(states),
            start=np.zeros(states) - self.segment * membrane,
            end=np.zeros(states),
            duration=duration,
            tail=np.zeros_like(duration),
            cleaves=np.zeros(states, dtype=np.bool_),
        )
        return forbid(scores, grammar, automaton, self.limits)


def membrane_states(grammar: Grammar, automaton: Automaton) -> np.ndarray:
    """Mask of the states that are membrane helices or strands, bool (K,)."""
    return grammar.alike(automaton, HELIX, STRAND)


def forbid(
    scores: semimarkov.PathScores, grammar: Grammar, automaton: Automaton, limits: Limits | None
) -> semimarkov.PathScores:
    """Give the score minus infinity to segments that are too short and to ends of open barrels.

    A barrel whose chain begins and ends on the inner side has an even number of strands. The
    number of strands itself is not limited here.
    """
    if limits is None:
        return scores
    helices, strands, loops = (
        grammar.alike(automaton, letter) for letter in (HELIX, STRAND, OUTSIDE)
    )
    duration, start, end = scores.duration.copy(), scores.start.copy(), scores.end.copy()
    duration[helices, : limits.helix] = -np.inf
    duration[strands, : limits.strand] = -np.inf
    to_outside = strands & _has_successor(automaton, loops)
    start[(strands & ~to_outside) | (loops & _has_successor(automaton, strands))] = -np.inf
    end[to_outside | (loops & _is_barrel(grammar)[automaton.type])] = -np.inf
    return scores._replace(duration=duration, start=start, end=end)


def _has_successor(automaton: Automaton, states: np.ndarray) -> np.ndarray:
    """Mask of the states that one of some states, a mask (K,), may follow, bool (K,)."""
    found = np.zeros(len(automaton.letter), dtype=np.bool_)
    found[automaton.source[states[automaton.target]]] = True
    return found


def _is_barrel(grammar: Grammar) -> np.ndarray:
    """Mask of the types whose topologies have strands, bool (types + 1,); the last is no type."""
    strands = grammar.scheme.alike(STRAND)
    return np.array([*(bool(rule.has & strands) for rule in grammar.scheme.types), False])


def best_expected_labels(
    probabilities: Tensor,
    lengths: Tensor,
    grammar: Grammar,
    types: Tensor | None = None,
    costs: DecoderCosts | None = None,
    permitted: Tensor | None = None,
) -> Tensor:
    """Choose the legal topology of each chain with the largest expected gain.

    Parameters
    ----------
    probabilities
        Probabilities of the labels of each residue, shape (R, labels).
    lengths
        Number of residues in each chain, shape (B,).
    grammar
        Grammar that the topologies follow.
    types
        Type that each topology must have, int64 (B,), -1 for any; any if None.
    costs
        Costs of the topologies; none if None.
    permitted
        Mask of the emissions that the topologies may use, bool (R, channels); all if None.

    Returns
    -------
    Tensor
        Label indices, int64 (R,), on the CPU.
    """
    costs = costs or DecoderCosts()
    expected = probabilities @ costs.gains(grammar.scheme, grammar.channel_letters)
    batch = ChainBatch(grammar, expected, lengths)
    if permitted is not None:
        batch = batch.permit(permitted)
    scores = costs.scores(grammar, grammar.automaton)
    allowed = allowed_types(types, len(batch), grammar)
    return best_labels(grammar.automaton, scores, batch, allowed)


def best_labels(
    automaton: Automaton, scores: semimarkov.PathScores, batch: ChainBatch, allowed: Tensor
) -> Tensor:
    """Labels of the best paths, int64 (R,), whose types are ``allowed``, bool (B, types)."""
    labels = np.empty(len(batch.values), dtype=np.int64)

    def run(part: slice) -> None:
        offsets = batch.offsets[part.start : part.stop + 1]
        residues = slice(offsets[0], offsets[-1])
        labels[residues], _ = viterbi.best_labels(
            batch.values[residues],
            batch.cleavage_values[residues],
            offsets - offsets[0],
            allowed.numpy()[part],
            automaton,
            scores,
        )

    in_threads(batch.offsets, run)
    return torch.from_numpy(labels)


def allowed_types(types: Tensor | None, chains: int, grammar: Grammar) -> Tensor:
    """Mask of the types that each chain may have, bool (B, types); see ``types`` above."""
    number = len(grammar.scheme.types)
    free = torch.ones(chains, number, dtype=torch.bool)
    if types is None:
        return free
    types = types.cpu()
    only = F.one_hot(types.clamp(min=0), number).bool()
    return torch.where((types >= 0)[:, None], only, free)
