"""What the same machine does at best: bare recurrent layers and bare matrix products."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from topo.config import RecurrentConfig
from topo.nn.tagger import Tagger

MATRIX_SIZES = (1024, 2048, 4096)
"""Sides of the square matrices among which the fastest product counts."""


class Floors:
    """A stack of ``torch.nn.LSTM`` layers with nothing around it.

    Parameters
    ----------
    width
        Features of its input.
    config
        Size and number of the layers, directions.
    bfloat16
        Whether it multiplies in bfloat16.
    """

    def __init__(self, width: int, config: RecurrentConfig, bfloat16: bool) -> None:
        kind = nn.LSTM if config.cell == "lstm" else nn.GRU
        self.stack = kind(
            width, config.size, num_layers=config.layers, bidirectional=config.direction == "bi"
        )
        self.width, self.bfloat16 = width, bfloat16

    def padded(self, batches: Sequence[Tensor], backward: bool) -> float:
        """Residues per second on chains of equal length.

        Parameters
        ----------
        batches
            Lengths (B,) of the chains of each batch; all of its chains get their mean.
        backward
            Whether the derivatives are computed as well.
        """
        inputs = [
            torch.randn(max(1, round(float(lengths.double().mean()))), len(lengths), self.width)
            for lengths in batches
        ]
        residues = sum(len(x) * x.shape[1] for x in inputs)
        return residues / self._seconds(inputs, backward)

    def packed(self, batches: Sequence[Tensor], backward: bool) -> float:
        """Residues per second on packed sequences of the chains' own lengths."""
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
        """Derive by the weights and by the input, which in the tagger has weights before it."""
        self.stack.train().zero_grad()
        data = x.data if isinstance(x, PackedSequence) else x
        leaf = data.detach().requires_grad_()
        out = self.stack(x._replace(data=leaf) if isinstance(x, PackedSequence) else leaf)[0]
        (out.data if isinstance(out, PackedSequence) else out).float().sum().backward()


def matrix_product_peak(
    bfloat16: bool, sizes: Sequence[int] = MATRIX_SIZES, seconds: float = 0.2
) -> float:
    """Return the largest rate of multiplications and additions of a matrix product, per second."""
    dtype = torch.bfloat16 if bfloat16 else torch.float32
    peak = 0.0
    for size in sizes:
        a, b = (torch.randn(size, size, dtype=dtype) for _ in range(2))
        peak = max(peak, 2 * size**3 / _fastest(lambda a=a, b=b: a @ b, seconds))
    return peak


def _fastest(run: Callable[[], object], seconds: float) -> float:
    """Return the shortest time of a call, of those that fit into so many seconds (2 at least)."""
    times: list[float] = []
    while len(times) < 2 or sum(times) < seconds:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def operations(tagger: Tagger) -> float:
    """Return the multiplications and additions of a forward pass, per residue.

    Two for each entry of each weight matrix that every residue passes; what is computed for each
    edge, for each chain and in the recursions over the grammar is left out.
    """
    parts = (tagger.trunk, tagger.topology_head, tagger.cleavage_head)
    weights = (p for part in parts if part is not None for p in part.parameters())
    return 2.0 * sum(p.numel() for p in weights if p.ndim > 1)
