"""Proteins and predictions, the two records that flow through the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from topo.labels.scheme import SIX, LabelScheme
from topo.segments import Segment, to_segments

if TYPE_CHECKING:
    from topo.constraints import Constraint
    from topo.io.features import StoredFeatures
    from topo.io.structure import StructureInfo


class Relative(NamedTuple):
    """A protein that is similar to another one, with their alignment.

    Parameters
    ----------
    sequence
        Residues of the relative.
    blocks
        Aligned stretches without gaps, int32, shape (N, 3): first residue of the stretch in the
        protein and in the relative, 0-based, and number of residues.
    weight
        Weight of the relative, where the protein itself has 1.
    """

    sequence: str
    blocks: np.ndarray
    weight: float


@dataclass(frozen=True, eq=False)
class Protein:
    """A protein as read from a file.

    Parameters
    ----------
    id
        Identifier, without white space.
    sequence
        Upper-case one-letter residues; any letter but the 20 standard ones is an unknown residue.
    labels
        One letter per residue (:data:`topo.labels.LABELS`, ``-`` unknown), or None.
    coordinates
        C-alpha positions in angstrom, float32, shape (R, 3), NaN where missing; or None.
    backbone
        Positions of N, C-alpha and C in angstrom, float32, shape (R, 3, 3), NaN where missing; or
        None.
    plddt
        Confidence of a predicted structure, 0 to 100, float32, shape (R,), NaN where missing; None
        for an experimental structure, or without a structure.
    fold
        Fold of the data set that the protein belongs to, or None.
    similar_folds
        Folds that contain similar proteins, where the index of the structures names them.
    structure
        Source of the coordinates, or None.
    header_type
        Protein type in the header of a 3-line record, or None. It is never a target.
    metadata
        Other facts from the file, e.g. ``description`` and ``types``, and a user's own keys.
    constraints
        What is known of the topology; predictions are conditional on it.
    relatives
        Similar proteins whose scores support the prediction; None where they were not looked for.
    features
        Features of the residues, shape (R, D), or None: an array, or those of a file, which are
        read when they are needed.
    soft
        Probabilities of a teacher to learn from, or None.
    """

    id: str
    sequence: str
    labels: str | None = None
    coordinates: np.ndarray | None = None
    backbone: np.ndarray | None = None
    plddt: np.ndarray | None = None
    fold: str | None = None
    similar_folds: tuple[str, ...] = ()
    structure: StructureInfo | None = None
    header_type: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    relatives: tuple[Relative, ...] | None = None
    features: np.ndarray | StoredFeatures | None = None
    soft: SoftLabels | None = None

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
        if self.features is not None and self.features.shape[:1] != (len(self.sequence),):
            raise ValueError(
                f"{self.id}: found features of shape {self.features.shape} for "
                f"{len(self.sequence)} residues"
            )

    def __len__(self) -> int:
        return len(self.sequence)


class SoftLabels(NamedTuple):
    """Probabilities of a teacher for one protein.

    Parameters
    ----------
    labels
        Label probabilities, float32, shape (R, 6), rows summing to 1.
    types
        Type probabilities, float32, shape (5,), or None.
    """

    labels: np.ndarray
    types: np.ndarray | None = None


class Topology(NamedTuple):
    """Labels of a topology, and the probability of its order of segments."""

    labels: str
    probability: float


class Alternatives(NamedTuple):
    """What else could be true of a protein, with exact probabilities.

    Parameters
    ----------
    topologies
        Topologies with different orders of segments, the most probable first. The probabilities
        are summed over all ends of the segments.
    unlisted
        Probability of all other topologies.
    flipped
        Probability of the predicted order of segments with its sides exchanged.
    segments
        Probability of each number of membrane segments, from 0; the last one is the probability
        of that many or more.
    n_inside
        Probability that the chain begins inside; see :mod:`topo.crf.conditions`.
    """

    topologies: tuple[Topology, ...]
    unlisted: float
    flipped: float
    segments: tuple[float, ...]
    n_inside: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """The topology that a model predicts for one protein.

    Parameters
    ----------
    id, sequence
        Identifier and residues of the protein.
    labels
        Predicted topology, one letter per residue.
    type
        Predicted type, one of those of the scheme.
    probabilities
        Label probabilities of each residue, float32, shape (R, labels) in index order; rows sum
        to 1.
        None where the prediction comes from a file without them.
    type_probabilities
        Probability of each type, float32, shape (types,) in the order of the scheme, or None.
    confidence
        Probability that the topology (the order of segments) is correct, or None.
    fold, similar_folds, structure, header_type, metadata
        Those of the protein, see :class:`Protein`.
    constraint_log_probability
        Natural logarithm of the probability of the protein's constraints without them; None if
        the protein has none.
    alternatives
        Alternatives to the topology, or None.
    relatives
        Number of relatives that support the prediction, or None; see :class:`Protein`.
    scheme
        Scheme of the labels and types.
    six_probabilities
        Probabilities of the six labels, float32, shape (R, 6), where the scheme has others that
        are mapped to them; None otherwise.
    """

    id: str
    sequence: str
    labels: str
    type: str | None
    probabilities: np.ndarray | None = None
    type_probabilities: np.ndarray | None = None
    confidence: float | None = None
    fold: str | None = None
    similar_folds: tuple[str, ...] = ()
    structure: StructureInfo | None = None
    header_type: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    constraint_log_probability: float | None = None
    alternatives: Alternatives | None = None
    relatives: int | None = None
    scheme: LabelScheme = SIX
    six_probabilities: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.sequence):
            raise ValueError(
                f"{self.id}: found {len(self.labels)} labels for {len(self.sequence)} residues"
            )

    def __len__(self) -> int:
        return len(self.sequence)

    @cached_property
    def segments(self) -> list[Segment]:
        """The predicted topology as segments, half-open and 0-based; not to be changed."""
        return to_segments(self.labels)

    def in_six(self) -> Prediction:
        """Return the prediction in the six labels; itself if it has no others.

        Raises
        ------
        ValueError
            If the labels have no six-letter equivalents.
        """
        if self.scheme is SIX:
            return self
        labels, other = self.scheme.to_six(self.labels), self.alternatives
        if other is not None:
            listed = (
                topology._replace(labels=self.scheme.to_six(topology.labels))
                for topology in other.topologies
            )
            other = other._replace(topologies=tuple(listed))
        same_types = self.scheme.type_names == SIX.type_names
        return replace(
            self,
            labels=labels,
            type=self.type if self.type in SIX.type_names else SIX.type_of(labels),
            probabilities=self.six_probabilities,
            type_probabilities=self.type_probabilities if same_types else None,
            alternatives=other,
            scheme=SIX,
            six_probabilities=None,
        )


def shared_fields(record: Protein | Prediction) -> dict[str, Any]:
    """Return the fields that a protein and its prediction have in common, by name.

    ``relatives`` is their number.
    """
    names = ("id", "sequence", "fold", "similar_folds", "structure", "header_type", "metadata")
    found = record.relatives
    count = len(found) if isinstance(found, tuple) else found
    return {**{name: getattr(record, name) for name in names}, "relatives": count}


def own_keys(record: Protein | Prediction) -> dict[str, Any]:
    """Return the fields that files keep beside the metadata, by their keys there.

    ``partition`` is the key of the fold. Fields without a value are left out.
    """
    fields = {
        "header_type": record.header_type,
        "structure": _source(record.structure),
        "partition": record.fold,
        "similar_folds": ",".join(record.similar_folds) or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _source(structure: StructureInfo | None) -> dict[str, Any] | None:
    """Return the facts about a structure that a file keeps."""
    if structure is None:
        return None
    names = ("file", "chain", "model", "kind", "covered", "identity", "outside")
    return {name: getattr(structure, name) for name in names}


def aligned_places(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the aligned residues of a protein and its relative, two int64 arrays (C,).

    Parameters
    ----------
    blocks
        As in :class:`Relative`.
    """
    sizes = blocks[:, 2].astype(np.int64)
    steps = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(blocks[:, 0], sizes) + steps, np.repeat(blocks[:, 1], sizes) + steps


def pop_text(metadata: dict[str, Any], key: str) -> str | None:
    """Remove a key from metadata and return its value; None where that is absent or no text."""
    return metadata.pop(key) if isinstance(metadata.get(key), str) else None
