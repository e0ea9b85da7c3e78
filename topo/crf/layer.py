"""The linear-chain CRF over the states of a grammar: loss, marginals, decoders.

The recursions run on the CPU in float64 (:mod:`topo.crf.semimarkov`), whatever the device and type
of the emissions: per residue these are a handful of numbers, and the gradients are exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from topo.crf import confidence, expectations, semimarkov, viterbi
from topo.crf.likelihood import ChainBatch, in_threads, leaving, negative_log_likelihood
from topo.grammar.legality import is_legal
from topo.grammar.table import Automaton, Grammar, default_grammar
from topo.labels import (
    HELIX,
    LABEL_INDEX,
    LABELS,
    MEMBRANE,
    SIDES,
    TYPES,
    decode_labels,
    protein_type,
)

_NO_SCORE = -1e4  # of a duration outside the bounds, where only its derivative must vanish


class Gain(NamedTuple):
    """What the posterior decoder counts, in residues; by default the expected right labels.

    Parameters
    ----------
    side
        Share of a loop residue that its side decides; the rest is gained on either side.
    segment
        Cost of a membrane segment.
    helix, short
        Cost ``short`` of each residue that a membrane helix is shorter than ``helix``.
    """

    side: float = 1.0
    segment: float = 0.0
    helix: int = 0
    short: float = 0.0


class ForwardTables(NamedTuple):
    """Forward recursion over a batch of B chains with R residues, float64 on the CPU.

    ``types`` (B, 5) log mass of the paths of each type, minus infinity where there is none;
    ``entry`` and ``leave`` (R + B, K) log mass of the paths whose segment starts, ends there.
    """

    types: Tensor
    entry: np.ndarray
    leave: np.ndarray


class Marginals(NamedTuple):
    """Posterior of a batch: R residues in B chains, float64 on the CPU.

    ``labels`` (R, 6) probabilities of the residue labels; ``types`` (B, 5) probabilities of the
    protein types; ``log_partition`` (B,) log mass of all paths.
    """

    labels: Tensor
    types: Tensor
    log_partition: Tensor


class GrammarCRF(nn.Module):
    """CRF whose paths are the topologies of a grammar.

    A path's score is the sum of its residues' emissions and of learnt scores: of the state it
    starts and ends in, of each transition, of each segment's duration (states with a maximum) or
    of each residue beyond the minimum (states without). Scores belong to the grammar's table, so
    that the same helix state has the same ones in every protein type.

    Parameters
    ----------
    grammar
        :func:`topo.grammar.table.default_grammar` where None.
    channels
        ``letters``: one emission for each channel that the grammar names, by default the six
        labels in index order; ``states``: one for each state of its table.

    Attributes
    ----------
    grammar
        The grammar; ``grammar.channels`` names the columns that the emissions must have.
    """

    def __init__(self, grammar: Grammar | None = None, channels: str = "letters") -> None:
        super().__init__()
        if channels not in ("letters", "states"):
            raise ValueError(f"found channels {channels!r}, expected 'letters' or 'states'")
        grammar = grammar or default_grammar()
        self.grammar = grammar.by_state if channels == "states" else grammar
        rows = self.grammar.states
        longest = max(state.maximum or 0 for state in rows)
        self.transition = nn.Parameter(torch.zeros(len(self.grammar.arcs)))
        self.stay = nn.Parameter(torch.zeros(len(rows)))
        self.start = nn.Parameter(torch.zeros(len(rows)))
        self.end = nn.Parameter(torch.zeros(len(rows)))
        within = torch.zeros(len(rows), longest + 1, dtype=torch.bool)
        for k, state in enumerate(rows):
            within[k, state.minimum : (state.maximum or 0) + 1] = True
        self.register_buffer("_within", within, persistent=False)
        even = -within.sum(1, keepdim=True).clamp(min=1).log()
        self.duration = nn.Parameter(torch.where(within, even, 0.0))

    def forward(
        self,
        emissions: Tensor,
        lengths: Tensor,
        labels: Tensor,
        type_scores: Tensor | None = None,
        ends: Tensor | None = None,
        open_start: Tensor | None = None,
        open_end: Tensor | None = None,
        types: Tensor | None = None,
    ) -> Tensor:
        """Negative log-likelihood of partly known labels, unknown ones summed over.

        Parameters
        ----------
        emissions
            (R, channels), the chains one after another; clipped to plus and minus 10,000.
        lengths
            (B,) residues in each chain, at least 1.
        labels
            (R,) int64, -100 where unknown.
        type_scores
            (B, 5), added to the score of every path of the type. Only whole chains have a type.
        ends
            (R,), score of a signal peptide that ends with the residue. The last residue of a
            chain counts for none: a cleavage site lies between two residues.
        open_start, open_end
            (B,) bool, whether the chain goes on beyond its first, last residue (a crop). Every
            state may then start (end) it, without start (end) score; the segment that is cut
            has no minimum, and the score of being at least as long as what is left of it.
        types
            (B, 5) bool, the types that the known path may have; all where None. With unknown
            labels throughout, the result is the negative log probability of these types.

        Returns
        -------
        Tensor
            (B,), in the device and type of the parameters. Chains without a path that agrees
            with the labels (see :meth:`has_path`) have 0, without gradient, and are counted in
            a warning of the log. NaN among a chain's emissions makes it NaN.
        """
        whole = torch.zeros(len(lengths), dtype=torch.bool)
        opened = torch.stack(
            [whole if flag is None else flag.cpu() for flag in (open_start, open_end)], 1
        )  # (B, 2)
        batch = ChainBatch(self.grammar, emissions, lengths, type_scores, ends)
        known = labels.detach().cpu().long()
        allowed = torch.ones(len(lengths), len(TYPES), dtype=torch.bool)
        if types is not None:
            allowed = types.cpu().bool()
        crops = opened.any(1)
        automaton = self.grammar.automaton
        if not crops.any():
            value = negative_log_likelihood(
                automaton, _scores(self, automaton), batch, known, allowed, opened
            )
        else:
            value = batch.emissions.new_zeros(len(lengths))
            for chosen, used in (
                (~crops, automaton),
                (crops, self.grammar.untyped),
            ):
                if chosen.any():
                    residues = chosen.repeat_interleave(batch.lengths)
                    part = negative_log_likelihood(
                        used,
                        _scores(self, used),
                        batch.select(chosen, residues),
                        known[residues],
                        allowed[chosen],
                        opened[chosen],
                    )
                    value = value.masked_scatter(chosen, part)
        return value.to(self.transition.device, self.transition.dtype)

    nll = forward

    def has_path(
        self, labels: Tensor | np.ndarray, open_start: bool = False, open_end: bool = False
    ) -> bool:
        """Say whether some path agrees with a chain's label indices, (R,), -100 unknown.

        A record without any is to be named and skipped before training.
        """
        return is_legal(decode_labels(np.asarray(labels)), self.grammar, open_start, open_end)

    @torch.no_grad()
    def forward_tables(
        self, emissions: Tensor, lengths: Tensor, ends: Tensor | None = None
    ) -> ForwardTables:
        """Run the forward recursion, which needs no type scores; see :meth:`forward`."""
        batch = ChainBatch(self.grammar, emissions, lengths, None, ends)
        automaton = self.grammar.automaton
        scores = _numpy_scores(self, automaton)
        rows = batch.table_rows
        shape = (rows[-1], len(automaton.letter))
        entry, leave, mass = np.empty(shape), np.empty(shape), np.empty((len(batch), len(TYPES)))

        def run(part: slice) -> None:
            expectations.forward(
                batch.values,
                batch.boundary_values,
                batch.offsets[part.start : part.stop + 1],
                rows[part.start : part.stop + 1],
                automaton,
                scores,
                entry,
                leave,
                mass[part],
            )

        in_threads(batch.offsets, run)
        return ForwardTables(torch.from_numpy(mass), entry, leave)

    def type_log_mass(
        self, emissions: Tensor, lengths: Tensor, ends: Tensor | None = None
    ) -> Tensor:
        """Log mass of the paths of each type, (B, 5) float64; minus infinity where there is none.

        Its softmax, after adding type scores, is the probability of the types.
        """
        return self.forward_tables(emissions, lengths, ends).types

    @torch.no_grad()
    def marginals(
        self,
        emissions: Tensor,
        lengths: Tensor,
        type_scores: Tensor | None = None,
        ends: Tensor | None = None,
        tables: ForwardTables | None = None,
        negligible: float = 0.0,
    ) -> Marginals:
        """Posterior probabilities of residue labels and protein types.

        Parameters
        ----------
        emissions, lengths, type_scores, ends
            As for :meth:`forward`.
        tables
            What :meth:`forward_tables` gave for the same input, so as not to compute it again.
        negligible
            Types less probable than this have no share in the labels, which saves the backward
            recursion over their states.
        """
        if tables is None:
            tables = self.forward_tables(emissions, lengths, ends)
        batch = ChainBatch(self.grammar, emissions, lengths, type_scores, ends)
        automaton = self.grammar.automaton
        scores = _numpy_scores(self, automaton)
        mass = tables.types + batch.types.detach()
        types = mass.softmax(1)
        allowed = (types >= negligible).numpy()
        labels = np.zeros((len(batch.values), len(LABELS)))

        def run(part: slice) -> None:
            expectations.marginals(
                batch.values,
                batch.boundary_values,
                batch.offsets[part.start : part.stop + 1],
                batch.table_rows[part.start : part.stop + 1],
                batch.type_values[part],
                allowed[part],
                automaton,
                scores,
                tables.entry,
                tables.leave,
                labels,
            )

        in_threads(batch.offsets, run)
        labels = labels.clip(0.0)
        labels /= labels.sum(1, keepdims=True)
        return Marginals(torch.from_numpy(labels), types, mass.logsumexp(1))

    @torch.no_grad()
    def decode(
        self,
        emissions: Tensor,
        lengths: Tensor,
        type_scores: Tensor | None = None,
        decoder: str = "viterbi",
        types: Tensor | None = None,
        ends: Tensor | None = None,
        marginals: Marginals | None = None,
        gain: Gain | None = None,
    ) -> Tensor:
        """Choose the labels of each chain, (R,) int64 on the CPU.

        Parameters
        ----------
        emissions, lengths, type_scores, ends
            As for :meth:`forward`.
        decoder
            ``viterbi``: first the type with the largest total mass (type scores included), then
            the best path of that type. ``posterior``: the legal topology with the largest
            expected gain. ``argmax``: the most probable label of each
            residue, legal or not.
        types
            (B,) int64, the type that each path must have, -1 where it is free. A chain too
            short for its type gets the best path of any type.
        marginals
            What :meth:`marginals` gave for the same input, so as not to compute it again.
        gain
            Of ``posterior``; the expected number of right labels where None.

        Raises
        ------
        ValueError
            If the emissions hold NaN, or on another decoder.
        """
        if decoder not in ("viterbi", "posterior", "argmax"):
            raise ValueError(
                f"found decoder {decoder!r}, expected 'viterbi', 'posterior' or 'argmax'"
            )
        if torch.isnan(emissions).any():
            raise ValueError("found NaN among the emissions, expected numbers or infinities")
        if decoder == "viterbi":
            if marginals is None:
                mass = self.type_log_mass(emissions, lengths, ends)
                if type_scores is not None:
                    mass = mass + type_scores.cpu().double()
            else:
                mass = marginals.types
            allowed = _allowed(types, len(mass))
            best = mass.masked_fill(~allowed, -torch.inf).argmax(1)
            return self._best(
                ChainBatch(self.grammar, emissions, lengths, None, ends),
                _one_type(best),
                _numpy_scores(self, self.grammar.automaton),
            )
        if marginals is None:
            marginals = self.marginals(emissions, lengths, type_scores, ends)
        if decoder == "argmax":
            return marginals.labels.argmax(1)
        gain = gain or Gain()
        expected = marginals.labels @ _gained(gain, self.grammar.channel_letters)
        batch = ChainBatch(self.grammar, expected, lengths, None, None)
        allowed = _allowed(types, len(lengths))
        automaton = self.grammar.automaton
        costs = _costs(gain, automaton, _numpy_scores(self, automaton))
        return self._best(batch, allowed, costs)

    @torch.no_grad()
    def n_best(
        self,
        emissions: Tensor,
        lengths: Tensor,
        count: int,
        type_scores: Tensor | None = None,
        ends: Tensor | None = None,
    ) -> list[list[tuple[str, float]]]:
        """List the most probable label strings of each chain with their probabilities.

        Paths that spell the same labels are counted as one. ``count`` strings come back for
        each chain, best first, or as many as the grammar has.
        """
        batch = ChainBatch(self.grammar, emissions, lengths, type_scores, ends)
        everything = self.marginals(emissions, lengths, type_scores, ends).log_partition.numpy()
        automaton = self.grammar.automaton
        scores = _numpy_scores(self, automaton)
        found = []
        for b, (start, end) in enumerate(itertools.pairwise(batch.offsets)):
            paths, value = viterbi.n_best_labels(
                batch.values[start:end],
                batch.boundary_values[start:end],
                batch.type_values[b],
                2 * count,
                automaton,
                scores,
            )
            probability: dict[str, float] = {}
            for path, share in zip(paths, np.exp(value - everything[b]), strict=True):
                labels = decode_labels(path)
                probability[labels] = probability.get(labels, 0.0) + float(share)
            ranked = sorted(probability.items(), key=lambda item: -item[1])
            found.append(ranked[:count])
        return found

    @torch.no_grad()
    def confidence(
        self,
        emissions: Tensor,
        lengths: Tensor,
        labels: Tensor,
        type_scores: Tensor | None = None,
        ends: Tensor | None = None,
        marginals: Marginals | None = None,
    ) -> Tensor:
        """Probability of each chain's order of segments, (B,) float64 on the CPU.

        Sums over all boundaries: the share of the paths whose segments have the letters of
        ``labels`` (R,), in that order. 0 where the labels are not legal.
        """
        batch = ChainBatch(self.grammar, emissions, lengths, type_scores, ends)
        if marginals is None:
            marginals = self.marginals(emissions, lengths, type_scores, ends)
        automaton = self.grammar.automaton
        scores = _numpy_scores(self, automaton)
        known = labels.detach().cpu().long().contiguous().numpy()
        letters = np.bitwise_or.reduceat(1 << known, batch.offsets[:-1])
        kinds = [_types_of(int(used)) for used in letters]
        allowed = np.array(kinds, dtype=np.bool_).reshape(-1, len(TYPES))
        mass = np.empty(len(batch))

        def run(part: slice) -> None:
            offsets = batch.offsets[part.start : part.stop + 1]
            mass[part] = confidence.order_masses(
                batch.values,
                batch.boundary_values,
                known,
                offsets,
                batch.type_values[part],
                allowed[part],
                automaton,
                scores,
            )

        in_threads(batch.offsets, run)
        return (torch.from_numpy(mass) - marginals.log_partition).exp().clamp(max=1.0)

    def _best(self, batch: ChainBatch, allowed: Tensor, scores: semimarkov.Scores) -> Tensor:
        """Labels of the best paths of the allowed types, (R,)."""
        labels = np.empty(len(batch.values), dtype=np.int64)

        def run(part: slice) -> None:
            offsets = batch.offsets[part.start : part.stop + 1]
            residues = slice(offsets[0], offsets[-1])
            labels[residues], _ = viterbi.best_labels(
                batch.values[residues],
                batch.boundary_values[residues],
                offsets - offsets[0],
                allowed.numpy()[part],
                self.grammar.automaton,
                scores,
            )

        in_threads(batch.offsets, run)
        return torch.from_numpy(labels)


def _scores(crf: GrammarCRF, automaton: Automaton) -> list[Tensor]:
    """Look up the automaton's scores in the table's parameters, in the order of ``Scores``."""
    state = torch.from_numpy(automaton.state)
    transition, stay, start, end, duration = (
        parameter.cpu().double()
        for parameter in (crf.transition, crf.stay, crf.start, crf.end, crf.duration)
    )
    bounded = torch.where(crf._within.cpu(), duration, _NO_SCORE)
    tail = bounded.flip(1).logcumsumexp(1).flip(1)
    arcs = transition[torch.from_numpy(automaton.arc)]
    return [arcs, *(table[state] for table in (stay, start, end, bounded, tail))]


def _numpy_scores(crf: GrammarCRF, automaton: Automaton) -> semimarkov.Scores:
    tensors = _scores(crf, automaton)
    arrays = (tensor.detach().contiguous().numpy() for tensor in tensors)
    return semimarkov.Scores(*arrays, leaving(automaton))


def _gained(gain: Gain, letters: Sequence[str]) -> Tensor:
    """Return what a residue of each label gains a path of each letter, (6, letters)."""
    same = np.equal.outer(list(LABELS), list(letters))
    loop = np.logical_and.outer(*(np.isin(list(x), list(SIDES)) for x in (LABELS, letters)))
    return torch.from_numpy(np.where(loop, gain.side * same + (1 - gain.side), same))


def _costs(gain: Gain, automaton: Automaton, scores: semimarkov.Scores) -> semimarkov.Scores:
    """Scores of an automaton, of the shapes of ``scores``, that hold the costs of a gain alone."""
    costs = semimarkov.Scores(*(np.zeros_like(score) for score in scores))
    membrane = np.isin(automaton.letter, [LABEL_INDEX[letter] for letter in MEMBRANE])
    costs.start[:] -= gain.segment * membrane
    costs.transition[:] -= gain.segment * membrane[automaton.target]
    lacking = np.maximum(gain.helix - np.arange(costs.duration.shape[1]), 0)
    costs.duration[:] -= gain.short * np.outer(automaton.letter == LABEL_INDEX[HELIX], lacking)
    return costs


@cache
def _types_of(letters: int) -> list[bool]:
    """Mask of the type that letters, given as bits, spell; of none where they are not legal."""
    kind = protein_type("".join(x for i, x in enumerate(LABELS) if letters >> i & 1))
    return [name == kind for name in TYPES]


def _allowed(types: Tensor | None, chains: int) -> Tensor:
    """Mask of each chain's types, (B, 5): the given one, or all where it is -1."""
    free = torch.ones(chains, len(TYPES), dtype=torch.bool)
    if types is None:
        return free
    types = types.cpu()
    return torch.where((types >= 0)[:, None], _one_type(types.clamp(min=0)), free)


def _one_type(types: Tensor) -> Tensor:
    """Mask of one type for each chain, (B, 5)."""
    return nn.functional.one_hot(types, len(TYPES)).bool()
