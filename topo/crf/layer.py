"""Semi-Markov CRF over the states of a grammar: parameters and loss.

The recursions run on the CPU in float64 (:mod:`topo.crf.semimarkov`), whatever the device and type
of the emissions: they need a few numbers per residue, and the gradients are exact.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from topo.crf.likelihood import ChainBatch, negative_log_likelihood
from topo.crf.posterior import Posterior, forward_tables
from topo.crf.semimarkov import PathScores
from topo.crf.soft import expected_loss, marginal_loss
from topo.grammar.automaton import Automaton
from topo.grammar.table import Grammar, default_grammar
from topo.labels import SIGNAL

_NO_SCORE = -1e4  # of a duration outside the bounds, where only its derivative must vanish


class GrammarCRF(nn.Module):
    """CRF whose paths are the topologies of a grammar.

    A path's score is the sum of its residues' emissions and of learnt scores: of the state it
    starts and ends in, of each transition, of each segment's duration (states with a maximum) or
    of each residue beyond the minimum (states without). Scores belong to the grammar's table, so
    that a helix state has the same scores in every protein type.

    Parameters
    ----------
    grammar
        Grammar of the paths; :func:`topo.grammar.table.default_grammar` if None.
    channels
        ``letters``: one emission for each channel that the grammar names, by default the six
        labels in index order; ``states``: one for each state of its table.

    Attributes
    ----------
    grammar
        Grammar of the paths; ``grammar.channels`` names the columns that the emissions must have.

    Raises
    ------
    ValueError
        If ``channels`` has another value.
    """

    _within: Tensor

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
        cleavage: Tensor | None = None,
        open_start: Tensor | None = None,
        open_end: Tensor | None = None,
        types: Tensor | None = None,
    ) -> Tensor:
        """Negative log-likelihood of partly known labels, summed over the unknown ones.

        Parameters
        ----------
        emissions
            Emissions, shape (R, channels), the chains one after another; clipped to plus and
            minus 10,000.
        lengths
            Number of residues in each chain, shape (B,), at least 1.
        labels
            Label indices, int64 (R,), -100 if unknown.
        type_scores
            Scores added to every path of a type, shape (B, types). Only whole chains have a type.
        cleavage
            Scores of a signal peptide that ends with the residue, shape (R,). That of a chain's
            last residue is not used: a cleavage site lies between two residues.
        open_start, open_end
            Whether the chain is cut from a longer one at its first, last residue, bool (B,).
            Every state may then start (end) it, without start (end) score; the segment that is
            cut has no minimum, and the score of being at least as long as what is left of it.
        types
            Types that the known path may have, bool (B, types); all if None. If all labels are
            unknown, the result is the negative log-probability of these types.

        Returns
        -------
        Tensor
            Shape (B,), in the device and type of the parameters. Chains without a path that
            agrees with the labels (see :func:`topo.grammar.legality.is_legal`) have 0, without
            gradient; a warning in the log counts them. NaN among a chain's emissions gives NaN.
        """
        whole = torch.zeros(len(lengths), dtype=torch.bool)
        opened = torch.stack(
            [whole if flag is None else flag.cpu() for flag in (open_start, open_end)], 1
        )  # (B, 2)
        batch = ChainBatch(self.grammar, emissions, lengths, type_scores, cleavage)
        known = labels.detach().cpu().long()
        allowed = torch.ones(len(lengths), len(self.grammar.scheme.types), dtype=torch.bool)
        if types is not None:
            allowed = types.cpu().bool()
        crops = opened.any(1)
        automaton = self.grammar.automaton
        if not crops.any():
            value = negative_log_likelihood(
                automaton,
                self._scores(automaton),
                self._cleaves(automaton),
                batch,
                known,
                allowed,
                opened,
            )
        else:
            value = batch.emissions.new_zeros(len(lengths))
            for chosen, used in ((~crops, automaton), (crops, self.grammar.untyped)):
                if chosen.any():
                    residues = chosen.repeat_interleave(batch.lengths)
                    part = negative_log_likelihood(
                        used,
                        self._scores(used),
                        self._cleaves(used),
                        batch.select(chosen, residues),
                        known[residues],
                        allowed[chosen],
                        opened[chosen],
                    )
                    value = value.masked_scatter(chosen, part)
        return value.to(self.transition.device, self.transition.dtype)

    def soft_loss(
        self,
        emissions: Tensor,
        lengths: Tensor,
        soft: Tensor,
        loss: str = "likelihood",
        cleavage: Tensor | None = None,
        opened: Tensor | None = None,
    ) -> Tensor:
        """Loss of soft labels, see :mod:`topo.crf.soft`.

        Parameters
        ----------
        emissions, lengths, cleavage
            As for :meth:`forward`; the emissions must have one channel per label.
        soft
            Label probabilities, float (R, labels).
        loss
            ``likelihood`` (expected log-likelihood) or ``marginals`` (divergence of marginals).
        opened
            Whether each chain is cut at its start, at its end, bool (B, 2); whole if None.

        Returns
        -------
        Tensor
            Shape (B,), in the device and type of the parameters.
        """
        fixed = None if cleavage is None else cleavage.detach()
        batch = ChainBatch(self.grammar, emissions, lengths, cleavage=fixed)
        whole = torch.zeros(len(lengths), 2, dtype=torch.bool)
        opened = whole if opened is None else opened.cpu()
        target = soft.detach().cpu().double()
        compute = {"likelihood": expected_loss, "marginals": marginal_loss}[loss]
        crops = opened.any(1)
        value = batch.emissions.new_zeros(len(lengths))
        for chosen, used in ((~crops, self.grammar.automaton), (crops, self.grammar.untyped)):
            if chosen.any():
                residues = chosen.repeat_interleave(batch.lengths)
                part = batch.select(chosen, residues)
                arrays = [score.detach().contiguous().numpy() for score in self._scores(used)]
                paths = PathScores(*arrays, cleaves=self._cleaves(used))
                found = compute(used, paths, part, target[residues], opened[chosen])
                value = value.masked_scatter(chosen, found)
        return value.to(self.transition.device, self.transition.dtype)

    @torch.no_grad()
    def posterior(
        self,
        emissions: Tensor,
        lengths: Tensor,
        type_scores: Tensor | None = None,
        cleavage: Tensor | None = None,
        negligible: float = 0.0,
    ) -> Posterior:
        """Compute the posterior distribution over the topologies of whole chains.

        Parameters
        ----------
        emissions, lengths, type_scores, cleavage
            As for :meth:`forward`.
        negligible
            As for :class:`topo.crf.posterior.Posterior`.

        Raises
        ------
        ValueError
            If the emissions do not have the shape of the grammar's channels.
        """
        given = [None if x is None else x.detach() for x in (type_scores, cleavage)]
        batch = ChainBatch(self.grammar, emissions.detach(), lengths, *given)
        automaton = self.grammar.automaton
        arrays = [score.contiguous().numpy() for score in self._scores(automaton)]
        scores = PathScores(*arrays, cleaves=self._cleaves(automaton))
        tables = forward_tables(automaton, scores, batch)
        return Posterior(self.grammar, scores, batch, tables, negligible)

    def _cleaves(self, automaton: Automaton) -> np.ndarray:
        """Mask of the states whose end is a cleavage site, bool (K,)."""
        return self.grammar.alike(automaton, SIGNAL)

    def _scores(self, automaton: Automaton) -> list[Tensor]:
        """Look up the automaton's scores in the parameters, in the order of ``PathScores``."""
        state = torch.from_numpy(automaton.state)
        transition, stay, start, end, duration = (
            parameter.cpu().double()
            for parameter in (self.transition, self.stay, self.start, self.end, self.duration)
        )
        bounded = torch.where(self._within.cpu(), duration, _NO_SCORE)
        tail = bounded.flip(1).logcumsumexp(1).flip(1)
        arcs = transition[torch.from_numpy(automaton.arc)]
        return [arcs, *(table[state] for table in (stay, start, end, bounded, tail))]
