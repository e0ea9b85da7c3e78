"""Labelled proteins with what a training draws and hides of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topo.data.types import sampling_types
from topo.labels.scheme import SIX, LabelScheme
from topo.protein import Protein


@dataclass(frozen=True)
class LabelledSet:
    """N labelled proteins with their possible types and sampling weights.

    Parameters
    ----------
    proteins
        Proteins with labels.
    types
        Possible types of each protein, bool, shape (N, types).
    weights
        Sampling weight of the file that each protein comes from, float64, shape (N,).
    epochs
        First and last epoch that draws each protein, from 0, int64, shape (N, 2); None if every
        epoch draws all.
    scheme
        Scheme of the labels.
    complete
        For each protein the labels that are given wherever they are true, see
        :meth:`topo.labels.scheme.LabelScheme.encode_six`; empty if none are for any protein.
    """

    proteins: list[Protein]
    types: np.ndarray
    weights: np.ndarray
    epochs: np.ndarray | None = None
    scheme: LabelScheme = SIX
    complete: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.proteins)

    def take(self, indices: Sequence[int] | np.ndarray) -> LabelledSet:
        """Return the proteins at these indices, in their order."""
        return LabelledSet(
            [self.proteins[i] for i in indices],
            self.types[indices],
            self.weights[indices],
            None if self.epochs is None else self.epochs[indices],
            self.scheme,
            tuple(self.complete[i] for i in indices) if self.complete else (),
        )

    def join(self, other: LabelledSet) -> LabelledSet:
        """Append the proteins of another set whose sequence this one does not have."""
        seen = {protein.sequence for protein in self.proteins}
        new = other.take([i for i, p in enumerate(other.proteins) if p.sequence not in seen])
        return LabelledSet(
            self.proteins + new.proteins,
            np.concatenate([self.types, new.types]),
            np.concatenate([self.weights, new.weights]),
            None
            if self.epochs is None and new.epochs is None
            else np.concatenate([self._all_epochs(), new._all_epochs()]),
            self.scheme,
            (*self._complete(), *new._complete()) if self.complete or new.complete else (),
        )

    def kinds(self) -> np.ndarray:
        """Return the type that each protein counts as in sampling, int64, shape (N,)."""
        return sampling_types(self.types, self.weights)

    def in_epoch(self, epoch: int) -> LabelledSet:
        """Return the proteins that an epoch, from 0, draws from, in their order."""
        if self.epochs is None:
            return self
        first, last = self.epochs.T
        return self.take(np.flatnonzero((first <= epoch) & (epoch <= last)))

    def _complete(self) -> tuple[str, ...]:
        return self.complete or ("",) * len(self)

    def _all_epochs(self) -> np.ndarray:
        if self.epochs is not None:
            return self.epochs
        return np.tile([0, np.iinfo(np.int64).max], (len(self), 1))
