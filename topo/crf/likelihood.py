"""Inputs of the recursions: checked batches of chains, threads, and the autograd function."""

from __future__ import annotations

import copy
import itertools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from topo.crf import expectations, semimarkov
from topo.crf.semimarkov import LIMIT
from topo.grammar.automaton import Automaton
from topo.grammar.table import Grammar

log = logging.getLogger(__name__)


class ChainBatch:
    """B chains with R residues, float64 on the CPU: tensors with gradients, arrays without.

    Parameters
    ----------
    grammar
        Grammar whose channels the emissions have.
    emissions
        Emissions, shape (R, channels), the chains one after another.
    lengths
        Number of residues in each chain, shape (B,).
    type_scores
        Scores of the protein types, shape (B, types); zero if None.
    cleavage
        Scores of a cleavage site after each residue, shape (R,); zero if None.

    Attributes
    ----------
    permitted
        Mask of the emissions that paths may use, bool (R, channels); None if all.

    Raises
    ------
    ValueError
        If the emissions have another shape or a chain is empty.
    """

    permitted: Tensor | None = None

    def __init__(
        self,
        grammar: Grammar,
        emissions: Tensor,
        lengths: Tensor,
        type_scores: Tensor | None = None,
        cleavage: Tensor | None = None,
    ) -> None:
        self.lengths = lengths.detach().cpu().long()
        self.emissions = emissions.cpu().double()
        residues, channels = int(self.lengths.sum()), len(grammar.channels)
        if emissions.shape != (residues, channels):
            raise ValueError(
                f"found emissions of shape {tuple(emissions.shape)}, "
                f"expected ({residues}, {channels})"
            )
        if len(lengths) and int(self.lengths.min()) < 1:
            raise ValueError("found a chain of length 0, expected at least one residue")
        zeros = self.emissions.new_zeros
        self.cleavage = zeros(residues) if cleavage is None else cleavage.cpu().double()
        shape = (len(lengths), len(grammar.scheme.types))
        self.type_scores = zeros(shape) if type_scores is None else type_scores.cpu().double()

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, chains: Tensor, residues: Tensor) -> ChainBatch:
        """Return some of the chains, given as masks (B,) and (R,)."""
        part = copy.copy(self)
        part.lengths, part.type_scores = self.lengths[chains], self.type_scores[chains]
        part.emissions, part.cleavage = self.emissions[residues], self.cleavage[residues]
        if self.permitted is not None:
            part.permitted = self.permitted[residues]
        return part

    def permit(self, permitted: Tensor) -> ChainBatch:
        """Return the same chains with only these emissions, a mask (R, channels)."""
        part = copy.copy(self)
        part.permitted = permitted
        part.emissions = self.emissions.masked_fill(~permitted, -LIMIT)
        return part

    def with_type_scores(self, type_scores: Tensor) -> ChainBatch:
        """Return the same chains with other type scores (B, types)."""
        other = copy.copy(self)
        other.type_scores = type_scores
        return other

    @property
    def offsets(self) -> np.ndarray:
        """First residue of each chain, and R, int64, (B + 1,)."""
        return np.concatenate([[0], self.lengths.cumsum(0).numpy()]).astype(np.int64)

    @property
    def table_rows(self) -> np.ndarray:
        """First row of each chain in a table with a row for each position, (B + 1,).

        A chain of T residues has T + 1 positions, so such a table has R + B rows.
        """
        return self.offsets + np.arange(len(self) + 1)

    @property
    def values(self) -> np.ndarray:
        """Emissions, (R, channels)."""
        return self.emissions.detach().contiguous().numpy()

    @property
    def cleavage_values(self) -> np.ndarray:
        """Cleavage scores, (R,)."""
        return self.cleavage.detach().contiguous().numpy()

    @property
    def type_values(self) -> np.ndarray:
        """Type scores, (B, types)."""
        return self.type_scores.detach().contiguous().numpy()


def in_threads(offsets: np.ndarray, run: Callable[[slice], None]) -> None:
    """Call ``run`` on slices of the chains, one per torch thread, with similar residue counts."""
    chains = len(offsets) - 1
    workers = min(torch.get_num_threads(), chains)
    if workers < 2:
        run(slice(0, chains))
        return
    cuts = np.searchsorted(offsets, np.linspace(0, offsets[-1], workers + 1))
    cuts[0], cuts[-1] = 0, chains
    parts = [slice(a, b) for a, b in itertools.pairwise(cuts) if b > a]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, parts))


class _Likelihood(torch.autograd.Function):
    """Negative log-likelihood; its derivatives are the expected counts of the recursions."""

    @staticmethod
    def forward(
        ctx: Any,
        automaton: Automaton,
        known: Tensor,
        allowed: Tensor,
        opened: Tensor,
        offsets: np.ndarray,
        cleaves: np.ndarray,
        *tensors: Tensor,
    ) -> Tensor:
        arrays = [tensor.detach().contiguous().numpy() for tensor in tensors]
        emissions, cleavage, type_scores = arrays[:3]
        scores = semimarkov.PathScores(*arrays[3:], cleaves=cleaves)
        chains = len(offsets) - 1
        gradient = expectations.empty_gradient(automaton, scores, emissions, chains)
        types = np.zeros_like(type_scores)
        agreeing, everything = np.empty(chains), np.empty(chains)

        def run(part: slice) -> None:
            agreeing[part], everything[part] = expectations.likelihood(
                emissions,
                cleavage,
                known.numpy(),
                offsets[part.start : part.stop + 1],
                type_scores[part],
                allowed.numpy()[part],
                opened.numpy()[part],
                automaton,
                scores,
                expectations.rows(gradient, part.start, part.stop),
                types[part],
            )

        in_threads(offsets, run)
        ctx.offsets = offsets
        ctx.save_for_backward(*map(torch.from_numpy, (*gradient[:2], types, *gradient[2:])))
        pathless = np.isneginf(agreeing)
        if pathless.any():
            log.warning(
                "%d of %d chains have no path that agrees with their labels: not in the loss",
                pathless.sum(),
                chains,
            )
        with np.errstate(invalid="ignore"):
            value = np.where(pathless, 0.0, everything - agreeing)
        damaged = np.isnan(emissions).any(1)
        value[np.logical_or.reduceat(damaged, offsets[:-1])] = np.nan
        return torch.from_numpy(value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride] - the stub takes any outputs
        emissions, cleavage, types, *parameters = ctx.saved_tensors
        lengths = torch.from_numpy(np.diff(ctx.offsets))
        residue = grad.repeat_interleave(lengths)
        weighted = [torch.tensordot(grad, parameter, 1) for parameter in parameters]
        return (
            *(None,) * 6,
            emissions * residue[:, None],
            cleavage * residue,
            types * grad[:, None],
            *weighted,
        )


def negative_log_likelihood(
    automaton: Automaton,
    scores: list[Tensor],
    cleaves: np.ndarray,
    batch: ChainBatch,
    known: Tensor,
    allowed: Tensor,
    opened: Tensor,
) -> Tensor:
    """Negative log-likelihood of chains that share an automaton, (B,) float64 on the CPU.

    Parameters
    ----------
    automaton
        Automaton of the chains.
    scores
        Fields of :class:`topo.crf.semimarkov.PathScores` except the last, as tensors.
    cleaves
        The last: states whose end is a cleavage site, bool (K,).
    batch
        Chains.
    known
        Label indices, int64 (R,), negative if unknown.
    allowed
        Types of the paths that agree with the labels, bool (B, types).
    opened
        Whether each chain is cut at its start and at its end, bool (B, 2).
    """
    tensors = (batch.emissions, batch.cleavage, batch.type_scores, *scores)
    value: Any = _Likelihood.apply(
        automaton, known, allowed, opened, batch.offsets, cleaves, *tensors
    )
    return value
