"""Posterior distribution over the legal topologies of a batch of chains."""

from __future__ import annotations

import itertools
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from topo.crf import confidence, expectations, viterbi
from topo.crf.costs import DecoderCosts, allowed_types, best_expected_labels, best_labels, forbid
from topo.crf.likelihood import ChainBatch, in_threads
from topo.crf.semimarkov import PathScores
from topo.grammar.automaton import Automaton
from topo.grammar.plausibility import Limits
from topo.grammar.table import Grammar
from topo.labels.scheme import SIX, LabelScheme

CERTAIN_TYPE = 0.99
"""A type with at least this probability needs no label probabilities of its own.

This saves a backward recursion. It changes a label's probability by at most the rest to 1.
"""


class ForwardTables(NamedTuple):
    """Forward recursion over B chains with R residues and K states, float64.

    ``types`` (B, types) is the log mass of the paths of each type, minus infinity if there is none;
    ``entry`` and ``exit`` (R + B, K) are the log mass of the paths with a segment that starts or
    ends at a position.
    """

    types: Tensor
    entry: np.ndarray
    exit: np.ndarray

    def select(self, chains: Tensor, lengths: Tensor) -> ForwardTables:
        """Return the tables of some of the chains, a mask (B,), of these lengths (B,)."""
        rows = chains.repeat_interleave(lengths + 1).numpy()
        return ForwardTables(self.types[chains], self.entry[rows], self.exit[rows])


class Paths(NamedTuple):
    """Grammar, scores of its automaton, and the chains with their emissions and type scores."""

    grammar: Grammar
    scores: PathScores
    batch: ChainBatch


class Posterior:
    """Probabilities and decoders of B chains with R residues; all tensors are on the CPU.

    The forward recursion runs when the object is made. It needs no type scores, so
    :meth:`with_types` reuses it. The backward recursion runs when :attr:`labels` is first used.

    Parameters
    ----------
    grammar
        Grammar of the paths.
    scores
        Scores of the grammar's automaton.
    batch
        Chains with emissions, cleavage scores and type scores.
    tables
        Result of :func:`forward_tables` for these scores and chains.
    negligible
        Types with a smaller probability are left out of :attr:`labels`.
    labels
        Probabilities of the residue labels where they are already known, float64 (R, labels).

    Attributes
    ----------
    types
        Probabilities of the protein types, float64 (B, types).
    log_partition
        Log mass of all paths, float64 (B,).
    """

    def __init__(
        self,
        grammar: Grammar,
        scores: PathScores,
        batch: ChainBatch,
        tables: ForwardTables,
        negligible: float = 0.0,
        labels: Tensor | None = None,
    ) -> None:
        self._grammar, self._scores, self._batch = grammar, scores, batch
        self._tables, self._negligible, self._known_labels = tables, negligible, labels
        mass = tables.types + batch.type_scores
        self.types = mass.softmax(1)
        self.log_partition = mass.logsumexp(1)

    @property
    def paths(self) -> Paths:
        """Grammar of the paths, scores of its automaton, and the chains."""
        return Paths(self._grammar, self._scores, self._batch)

    @property
    def lengths(self) -> Tensor:
        """Number of residues in each chain, int64 (B,)."""
        return self._batch.lengths

    @property
    def type_mass(self) -> Tensor:
        """Log mass of the paths of each type without type scores, float64 (B, types).

        Minus infinity if the type has no path.
        """
        return self._tables.types

    def with_types(self, log_probabilities: Tensor, negligible: float = 0.0) -> Posterior:
        """Give the types other probabilities; paths of the same type keep their proportions.

        Parameters
        ----------
        log_probabilities
            Log-probabilities of the types, shape (B, types).
        negligible
            Types with a smaller probability are left out of :attr:`labels`, which saves the
            backward recursion over their states.
        """
        mass = self.type_mass
        type_scores = torch.where(mass.isfinite(), log_probabilities - mass, 0.0)
        batch = self._batch.with_type_scores(type_scores)
        return Posterior(self._grammar, self._scores, batch, self._tables, negligible)

    def select(self, chains: Tensor) -> Posterior:
        """Return the posterior of some of the chains, given as a mask (B,)."""
        if chains.all():
            return self
        lengths = self._batch.lengths
        residues = chains.repeat_interleave(lengths)
        return Posterior(
            self._grammar,
            self._scores,
            self._batch.select(chains, residues),
            self._tables.select(chains, lengths),
            self._negligible,
            self.labels[residues],
        )

    def given_types(self, types: Tensor) -> Posterior:
        """Restrict each chain to its topologies of one type, int64 (B,).

        A chain without a topology of its type keeps all its types. The labels of a chain stay
        as they are if its type has a probability of :data:`CERTAIN_TYPE` or more, or has a single
        label, as GLOB, so that its topologies are all the same.
        """
        chances = self.types.gather(1, types[:, None])[:, 0]
        possible = self.type_mass.gather(1, types[:, None])[:, 0].isfinite()
        allowed = allowed_types(types, len(types), self._grammar)
        only = torch.where(allowed, 0.0, -torch.inf).double()
        batch = self.with_types(torch.where(possible[:, None], only, self.types.log()))._batch
        apart = possible & (chances < CERTAIN_TYPE) & ~_is_single(self._grammar.scheme)[types]
        labels = self.labels
        if apart.any():
            part = self.select(apart).with_types(only[apart], negligible=0.5)
            labels = labels.clone()
            labels[apart.repeat_interleave(batch.lengths)] = part.labels
        return Posterior(self._grammar, self._scores, batch, self._tables, labels=labels)

    @cached_property
    def labels(self) -> Tensor:
        """Probabilities of the residue labels, float64 (R, labels)."""
        if self._known_labels is not None:
            return self._known_labels
        scheme = self._grammar.scheme
        letters = len(scheme.letters)
        labels = self._marginals(self._automaton, letters)
        if self._batch.permitted is not None:
            labels *= self._batch.permitted[:, :letters].numpy()
        labels /= labels.sum(1, keepdims=True)
        return torch.from_numpy(labels)

    @cached_property
    def six(self) -> Tensor:
        """Probabilities of the six labels that the scheme's are mapped to, float64 (R, 6)."""
        six = np.array([SIX.index[letter] for letter in self._grammar.six], dtype=np.int64)
        mapped = self._automaton._replace(letter=six[self._automaton.state])
        labels = self._marginals(mapped, len(SIX.letters))
        return torch.from_numpy(labels / labels.sum(1, keepdims=True))

    def _marginals(self, automaton: Automaton, letters: int) -> np.ndarray:
        """Probabilities of the letters of an automaton, float64 (R, letters), about 1 in sum."""
        batch, tables = self._batch, self._tables
        allowed = (self.types >= self._negligible).numpy()
        labels = np.zeros((len(batch.values), letters))

        def run(part: slice) -> None:
            expectations.marginals(
                batch.values,
                batch.cleavage_values,
                batch.offsets[part.start : part.stop + 1],
                batch.table_rows[part.start : part.stop + 1],
                batch.type_values[part],
                allowed[part],
                automaton,
                self._scores,
                tables.entry,
                tables.exit,
                labels,
            )

        in_threads(batch.offsets, run)
        return labels.clip(0.0)

    def decode(self, costs: DecoderCosts | None = None, types: Tensor | None = None) -> Tensor:
        """Choose the legal topology of each chain with the largest expected gain.

        Parameters
        ----------
        costs
            Costs of the topologies; none if None, so that the expected number of correct
            labels is the gain.
        types
            Type that each topology must have, int64 (B,), -1 for any; any if None. A chain that
            is too short for its type gets the best topology of any type.

        Returns
        -------
        Tensor
            Label indices, int64 (R,).

        Raises
        ------
        ValueError
            If the emissions hold NaN.
        """
        self._refuse_nan()
        batch = self._batch
        return best_expected_labels(
            self.labels, batch.lengths, self._grammar, types, costs, batch.permitted
        )

    def best_path(self, types: Tensor | None = None, limits: Limits | None = None) -> Tensor:
        """Choose the most probable type of each chain, then the labels of its best path.

        Parameters
        ----------
        types
            As for :meth:`decode`.
        limits
            Least sizes of segments; those of the grammar alone if None.

        Returns
        -------
        Tensor
            Label indices, int64 (R,).

        Raises
        ------
        ValueError
            If the emissions hold NaN.
        """
        self._refuse_nan()
        allowed = allowed_types(types, len(self._batch), self._grammar)
        best = self.types.masked_fill(~allowed, -torch.inf).argmax(1)
        only = allowed_types(best, len(self._batch), self._grammar)
        scores = forbid(self._scores, self._grammar, self._automaton, limits)
        return best_labels(self._automaton, scores, self._batch, only)

    def confidence(self, labels: Tensor) -> Tensor:
        """Probability of each chain's order of segments, float64 (B,).

        Sums over all segment ends: the probability of the paths whose segments have the letters
        of ``labels`` (R,), in that order. 0 if the labels are not legal.
        """
        batch = self._batch
        known = labels.detach().cpu().long().contiguous().numpy()
        letters = np.bitwise_or.reduceat(1 << known, batch.offsets[:-1])
        scheme = self._grammar.scheme
        kinds = [_types_of(int(used), scheme) for used in letters]
        allowed = np.array(kinds, dtype=np.bool_).reshape(-1, len(scheme.types))
        mass = np.empty(len(batch))

        def run(part: slice) -> None:
            mass[part] = confidence.order_masses(
                batch.values,
                batch.cleavage_values,
                known,
                batch.offsets[part.start : part.stop + 1],
                batch.type_values[part],
                allowed[part],
                self._automaton,
                self._scores,
            )

        in_threads(batch.offsets, run)
        return (torch.from_numpy(mass) - self.log_partition).exp().clamp(max=1.0)

    def n_best(self, count: int) -> list[list[tuple[str, float]]]:
        """List the most probable label strings of each chain with their probabilities.

        Paths that spell the same labels are counted as one. ``count`` strings are returned for
        each chain, best first, or fewer if the grammar has no more.
        """
        batch, everything = self._batch, self.log_partition.numpy()
        found = []
        for b, (start, end) in enumerate(itertools.pairwise(batch.offsets)):
            paths, value = viterbi.n_best_labels(
                batch.values[start:end],
                batch.cleavage_values[start:end],
                batch.type_values[b],
                2 * count,
                self._automaton,
                self._scores,
            )
            probability: dict[str, float] = {}
            for path, share in zip(paths, np.exp(value - everything[b]), strict=True):
                labels = self._grammar.scheme.decode(path)
                probability[labels] = probability.get(labels, 0.0) + float(share)
            ranked = sorted(probability.items(), key=lambda item: -item[1])
            found.append(ranked[:count])
        return found

    @property
    def _automaton(self) -> Automaton:
        return self._grammar.automaton

    def _refuse_nan(self) -> None:
        if torch.isnan(self._batch.emissions).any():
            raise ValueError("found NaN among the emissions, expected numbers or infinities")


def forward_tables(automaton: Automaton, scores: PathScores, batch: ChainBatch) -> ForwardTables:
    """Run the forward recursion over whole chains, without type scores."""
    rows = batch.table_rows
    shape = (rows[-1], len(automaton.letter))
    entry, exit, mass = np.empty(shape), np.empty(shape), np.empty(batch.type_scores.shape)

    def run(part: slice) -> None:
        expectations.forward(
            batch.values,
            batch.cleavage_values,
            batch.offsets[part.start : part.stop + 1],
            rows[part.start : part.stop + 1],
            automaton,
            scores,
            entry,
            exit,
            mass[part],
        )

    in_threads(batch.offsets, run)
    return ForwardTables(torch.from_numpy(mass), entry, exit)


@cache
def _types_of(letters: int, scheme: LabelScheme) -> list[bool]:
    """Mask of the type that letters, given as bits, spell; all False if they spell none."""
    kind = scheme.type_of("".join(x for i, x in enumerate(scheme.letters) if letters >> i & 1))
    return [name == kind for name in scheme.type_names]


def _is_single(scheme: LabelScheme) -> Tensor:
    """Mask of the types whose topologies have one label, bool (types,)."""
    return torch.tensor([rule.is_single for rule in scheme.types])
