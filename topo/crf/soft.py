"""Losses of a CRF for soft labels: probabilities of the labels of each residue.

Both have the same minimum, where the label marginals of the CRF are the given probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from topo.crf import expectations
from topo.crf.likelihood import ChainBatch, in_threads
from topo.crf.semimarkov import PathScores
from topo.grammar.automaton import Automaton

_STEP = 1e-4
"""Size of the perturbation of the emissions, relative to that of the gradient."""


def expected_loss(
    automaton: Automaton, paths: PathScores, batch: ChainBatch, soft: Tensor, opened: Tensor
) -> Tensor:
    """Negative expected log-likelihood of soft labels, up to a constant, (B,) float64.

    The emissions enter with the expected labels; the scores of the grammar, of which marginals
    say nothing, and the cleavage scores are constants. The derivative by an emission is the label
    marginal of the CRF minus the given probability.

    Parameters
    ----------
    automaton, batch, opened
        As for :func:`topo.crf.likelihood.negative_log_likelihood`.
    paths
        Scores of the grammar.
    soft
        Probabilities of the channels, float64 (R, channels).
    """
    masses: Any = _Partition.apply(automaton, paths, batch, opened, batch.emissions)
    agreed = (soft * batch.emissions).sum(1)
    chain = torch.repeat_interleave(torch.arange(len(batch)), batch.lengths)
    return masses - torch.zeros(len(batch), dtype=agreed.dtype).index_add(0, chain, agreed)


def marginal_loss(
    automaton: Automaton, paths: PathScores, batch: ChainBatch, soft: Tensor, opened: Tensor
) -> Tensor:
    """Divergence of the CRF's label marginals from soft labels, summed over residues, (B,).

    Kullback-Leibler divergence KL(soft || marginals). Its derivative needs the covariance of the
    marginals, which is a difference of marginals at perturbed emissions (Domke 2010, NIPS).
    Parameters as for :func:`expected_loss`; the scores of the grammar are constants.
    """
    value: Any = _Divergence.apply(automaton, paths, batch, opened, soft, batch.emissions)
    return value


def log_partition(
    automaton: Automaton,
    paths: PathScores,
    batch: ChainBatch,
    opened: Tensor,
    emissions: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return log masses of all paths (B,) and the marginals of the channels (R, channels)."""
    offsets, types = batch.offsets, batch.type_values
    gradient = expectations.empty_gradient(automaton, paths, emissions, len(batch))
    masses, unused = np.empty(len(batch)), np.zeros_like(types)

    def run(part: slice) -> None:
        masses[part] = expectations.partition(
            emissions,
            batch.cleavage_values,
            offsets[part.start : part.stop + 1],
            types[part],
            opened.numpy()[part],
            automaton,
            paths,
            expectations.rows(gradient, part.start, part.stop),
            unused[part],
        )

    in_threads(offsets, run)
    return masses, gradient.emissions


class _Partition(torch.autograd.Function):
    """Log partition functions, whose derivatives by the emissions are the marginals."""

    @staticmethod
    def forward(
        ctx: Any,
        automaton: Automaton,
        paths: PathScores,
        batch: ChainBatch,
        opened: Tensor,
        emissions: Tensor,
    ) -> Tensor:
        values = emissions.detach().contiguous().numpy()
        masses, marginals = log_partition(automaton, paths, batch, opened, values)
        ctx.lengths = batch.lengths
        ctx.save_for_backward(torch.from_numpy(marginals))
        return torch.from_numpy(masses)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride] - the stub takes any outputs
        (marginals,) = ctx.saved_tensors
        return (*(None,) * 4, marginals * grad.repeat_interleave(ctx.lengths)[:, None])


class _Divergence(torch.autograd.Function):
    """Divergence of marginals from soft labels, with a derivative by perturbation."""

    @staticmethod
    def forward(
        ctx: Any,
        automaton: Automaton,
        paths: PathScores,
        batch: ChainBatch,
        opened: Tensor,
        soft: Tensor,
        emissions: Tensor,
    ) -> Tensor:
        values = emissions.detach().contiguous().numpy()
        _, marginals = log_partition(automaton, paths, batch, opened, values)
        target = soft.numpy()
        held = np.clip(marginals, 1e-6, 1.0)
        ratio = np.log(np.clip(target, 1e-12, 1.0)) - np.log(held)
        starts = batch.offsets[:-1]
        value = np.add.reduceat((target * ratio).sum(1), starts)
        slope = -target / held  # by the marginals
        size = np.maximum.reduceat(np.abs(slope).max(1), starts)
        step = np.repeat(_STEP / np.maximum(size, 1e-12), np.diff(batch.offsets))[:, None]
        moved = [
            log_partition(automaton, paths, batch, opened, values + sign * step * slope)[1]
            for sign in (1, -1)
        ]
        ctx.lengths = batch.lengths
        ctx.save_for_backward(torch.from_numpy((moved[0] - moved[1]) / (2 * step)))
        return torch.from_numpy(value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride] - the stub takes any outputs
        (slope,) = ctx.saved_tensors
        return (*(None,) * 5, slope * grad.repeat_interleave(ctx.lengths)[:, None])
