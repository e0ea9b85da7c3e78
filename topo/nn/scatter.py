"""Sums, means and maxima of rows by group, for residues of a chain and edges of a residue."""

from __future__ import annotations

from torch import Tensor


def scatter_sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Sum rows of ``values`` (N, ...) by their group ``index`` (N,); shape (size, ...)."""
    total = values.new_zeros(size, *values.shape[1:])
    return total.scatter_add_(0, _as(values, index), values)


def scatter_mean(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Average rows by their group, see :func:`scatter_sum`; an empty group is 0."""
    count = scatter_sum(values.new_ones(len(values)), index, size).clamp(min=1)
    total = scatter_sum(values, index, size)
    return total / count.view(-1, *[1] * (total.dim() - 1))


def scatter_max(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Return the maximum of rows by their group, see :func:`scatter_sum`; an empty group is 0."""
    out = values.new_zeros(size, *values.shape[1:])
    return out.scatter_reduce_(0, _as(values, index), values, "amax", include_self=False)


def _as(values: Tensor, index: Tensor) -> Tensor:
    """Repeat the groups (N,) over the other dimensions of the rows (N, ...)."""
    return index.view(-1, *[1] * (values.dim() - 1)).expand_as(values)
