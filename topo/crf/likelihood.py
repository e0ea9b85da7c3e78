"""Chains between tensors and the recursions: checked inputs, threads, the autograd function."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from topo.crf import expectations, semimarkov
from topo.grammar.table import Automaton, Grammar
from topo.labels import LABEL_INDEX, SIGNAL, TYPES

log = logging.getLogger(__name__)


class ChainBatch:
    """Checked inputs, in float64 on the CPU: tensors with gradients, arrays without."""

    def __init__(
        self,
        grammar: Grammar,
        emissions: Tensor,
        lengths: Tensor,
        type_scores: Tensor | None,
        ends: Tensor | None,
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
        self.boundary = zeros(residues) if ends is None else ends.cpu().double()
        shape = (len(lengths), len(TYPES))
        self.types = zeros(shape) if type_scores is None else type_scores.cpu().double()

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, chains: Tensor, residues: Tensor) -> ChainBatch:
        """Keep some chains, given as masks (B,) and (R,)."""
        part = object.__new__(ChainBatch)
        part.lengths, part.types = self.lengths[chains], self.types[chains]
        part.emissions, part.boundary = self.emissions[residues], self.boundary[residues]
        return part

    @property
    def offsets(self) -> np.ndarray:
        """Where each chain begins among the residues, (B + 1,)."""
        return np.concatenate([[0], self.lengths.cumsum(0).numpy()]).astype(np.int64)

    @property
    def table_rows(self) -> np.ndarray:
        """Where each chain begins in a table with a row for each place between residues, (B + 1,).

        Such a table has R + B rows.
        """
        return self.offsets + np.arange(len(self) + 1)

    @property
    def values(self) -> np.ndarray:
        """Emissions, (R, channels)."""
        return self.emissions.detach().contiguous().numpy()

    @property
    def boundary_values(self) -> np.ndarray:
        """Scores of boundaries, (R,)."""
        return self.boundary.detach().contiguous().numpy()

    @property
    def type_values(self) -> np.ndarray:
        """Type scores, (B, 5)."""
        return self.types.detach().contiguous().numpy()


def in_threads(offsets: np.ndarray, run: Callable[[slice], None]) -> None:
    """Call ``run`` on slices of the chains, of about as many residues for each torch thread."""
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


def leaving(automaton: Automaton) -> np.ndarray:
    """Tell the states whose end is a cleavage site, (K,) bool."""
    return automaton.letter == LABEL_INDEX[SIGNAL]


class _Likelihood(torch.autograd.Function):
    """Negative log-likelihood; its derivatives are the expected counts of the recursions."""

    @staticmethod
    def forward(ctx, automaton, known, allowed, opened, offsets, *tensors: Tensor) -> Tensor:
        arrays = [tensor.detach().contiguous().numpy() for tensor in tensors]
        emissions, boundary, type_scores = arrays[:3]
        scores = semimarkov.Scores(*arrays[3:], leaving(automaton))
        chains = len(offsets) - 1
        gradient = expectations.empty_gradient(automaton, scores, emissions, chains)
        types = np.zeros((chains, len(TYPES)))
        agreeing, everything = np.empty(chains), np.empty(chains)

        def run(part: slice) -> None:
            agreeing[part], everything[part] = expectations.likelihood(
                emissions,
                boundary,
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
    def backward(ctx, grad: Tensor) -> tuple:
        emissions, boundary, types, *parameters = ctx.saved_tensors
        lengths = torch.from_numpy(np.diff(ctx.offsets))
        residue = grad.repeat_interleave(lengths)
        weighted = [torch.tensordot(grad, parameter, 1) for parameter in parameters]
        return (
            *(None,) * 5,
            emissions * residue[:, None],
            boundary * residue,
            types * grad[:, None],
            *weighted,
        )


def negative_log_likelihood(
    automaton: Automaton,
    scores: list[Tensor],
    batch: ChainBatch,
    known: Tensor,
    allowed: Tensor,
    opened: Tensor,
) -> Tensor:
    """Negative log-likelihood of chains that share an automaton, (B,) float64 on the CPU.

    ``scores`` are the fields of :class:`topo.crf.semimarkov.Scores` but the last, as tensors.
    """
    tensors = (batch.emissions, batch.boundary, batch.types, *scores)
    return _Likelihood.apply(automaton, known, allowed, opened, batch.offsets, *tensors)
