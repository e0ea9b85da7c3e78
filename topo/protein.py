"""The two records that flow through the package: what is known and what is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from topo.segments import Segment, to_segments


@dataclass(frozen=True, eq=False)
class Protein:
    """A protein as read from a file.

    Parameters
    ----------
    id
        Identifier, without white space.
    sequence
        Upper-case one-letter residues; anything but the 20 standard ones counts as unknown.
    labels
        One letter a residue (:data:`topo.labels.LABELS`, ``-`` unknown), or None.
    coordinates
        C-alpha positions in angstrom, float32, shape (R, 3), NaN where missing; or None.
    backbone
        Positions of N, C-alpha and C, float32, shape (R, 3, 3), NaN where missing; or None.
    plddt
        Confidence of a predicted structure, 0 to 100, float32, shape (R,), NaN where missing; None
        for an experimental structure, or without one.
    metadata
        Whatever else the file said, e.g. ``description``, ``partition``, ``types``.
    """

    id: str
    sequence: str
    labels: str | None = None
    coordinates: np.ndarray | None = None
    backbone: np.ndarray | None = None
    plddt: np.ndarray | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != len(self.sequence):
            raise ValueError(
                f"{self.id}: found {len(self.labels)} labels for {len(self.sequence)} residues"
            )
        for name, rest in (("coordinates", (3,)), ("backbone", (3, 3)), ("plddt", ())):
            array, shape = getattr(self, name), (len(self.sequence), *rest)
            if array is not None and array.shape != shape:
                raise ValueError(
                    f"{self.id}: found {name} of shape {array.shape}, expected {shape}"
                )

    def __len__(self) -> int:
        return len(self.sequence)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one protein.

    Parameters
    ----------
    id, sequence
        As in the input.
    labels
        Predicted topology, one letter a residue.
    type
        Predicted type, one of :data:`topo.labels.TYPES`.
    probabilities
        Per-residue label probabilities, float32, shape (R, 6) in index order; rows sum to 1.
        None where the prediction was read from a file without them.
    type_probabilities
        float32, shape (5,) in the order of :data:`topo.labels.TYPES`, or None.
    confidence
        Probability that the topology (the order of segments) is right, or None.
    metadata
        What the reader or model adds, e.g. ``description``.
    """

    id: str
    sequence: str
    labels: str
    type: str | None
    probabilities: np.ndarray | None = None
    type_probabilities: np.ndarray | None = None
    confidence: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.sequence):
            raise ValueError(
                f"{self.id}: found {len(self.labels)} labels for {len(self.sequence)} residues"
            )

    def __len__(self) -> int:
        return len(self.sequence)

    @property
    def segments(self) -> list[Segment]:
        """The predicted topology as segments, half-open and 0-based."""
        return to_segments(self.labels)
