"""Reference throughputs of the machine: bare recurrent layers and bare matrix products."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from topo.config import RecurrentConfig
from topo.nn.tagger import Tagger

MATRIX_SIZES = (1024, 2048, 4096)
"""Sides of the square matrices whose fastest product is the peak."""


class Floors:
    """A bare stack of ``torch.nn.LSTM`` or ``torch.nn.GRU`` layers.

    Parameters
    ----------
    width
        Number of input features.
    config
        Cell, size, number and directions of the layers.
    bfloat16
        Whether the stack computes in bfloat16.
    """

    def __init__(self, width: int, config: RecurrentConfig, bfloat16: bool) -> None:
        kind = nn.LSTM if config.cell == "lstm" else nn.GRU
        self.stack = kind(
            width, config.size, num_layers=config.layers, bidirectional=config.direction == "bi"
        )
        self.width, self.bfloat16 = width, bfloat16

    def padded(self, batches: Sequence[Tensor], backward: bool) -> float:
        """Return residues per second on chains of equal length.

        Parameters
        ----------
        batches
            Lengths (B,) of the chains of each batch; all its chains are given their mean.
        backward
            Whether to compute the derivatives as well.
        """
        inputs = [
            torch.randn(max(1, round(float(lengths.double().mean()))), len(lengths), self.width)
            for lengths in batches
        ]
        residues = sum(len(x) * x.shape[1] for x in inputs)
        return residues / self._seconds(inputs, backward)

    def packed(self, batches: Sequence[Tensor], backward: bool) -> float:
        """Return residues per second on packed sequences with the lengths of the chains."""
        inputs = [
            pack_padded_sequence(
                torch.randn(int(lengths.max()), len(lengths), self.width),
                lengths,
                enforce_sorted=False,
            )
            for lengths in batches
        ]
        residues = sum(int(lengths.sum()) for lengths in batches)
        return residues / self._seconds(inputs, backward)

    def _seconds(self, inputs: Sequence[Tensor | PackedSequence], backward: bool) -> float:
        run = self._forward_backward if backward else self._forward
        started = time.perf_counter()
        for x in inputs:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
                run(x)
        return time.perf_counter() - started

    @torch.inference_mode()
    def _forward(self, x: Tensor | PackedSequence) -> None:
        self.stack.eval()(x)

    def _forward_backward(self, x: Tensor | PackedSequence) -> None:
        """Compute derivatives of the weights and of the input, which the tagger needs as well."""
        self.stack.train().zero_grad()
        data = x.data if isinstance(x, PackedSequence) else x
        leaf = data.detach().requires_grad_()
        out = self.stack(x._replace(data=leaf) if isinstance(x, PackedSequence) else leaf)[0]
        (out.data if isinstance(out, PackedSequence) else out).float().sum().backward()


def matrix_product_peak(
    bfloat16: bool, sizes: Sequence[int] = MATRIX_SIZES, seconds: float = 0.2
) -> float:
    """Return the peak rate of a matrix product in multiplications and additions per second."""
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    peak = 0.0
    for size in sizes:
        a, b = (torch.randn(size, size, dtype=dtype) for _ in range(2))
        peak = max(peak, 2 * size**3 / _fastest(lambda a=a, b=b: a @ b, seconds))
    return peak


def _fastest(run: Callable[[], object], seconds: float) -> float:
    """Return the shortest time of the calls that fit into ``seconds``, of at least two."""
    times: list[float] = []
    while len(times) < 2 or sum(times) < seconds:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def operations(tagger: Tagger) -> float:
    """Return the multiplications and additions of a forward pass, per residue.

    These are two per entry of each weight matrix that is applied to every residue. Operations per
    edge, per chain and in the recursions over the grammar are not counted.
    """
    parts = (tagger.trunk, tagger.topology_head, tagger.cleavage_head)
    weights = (p for part in parts if part is not None for p in part.parameters())
    return 2.0 * sum(p.numel() for p in weights if p.ndim > 1)
