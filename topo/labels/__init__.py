"""Residue labels, their tensor indices, and the protein types that they spell.

The names of this module are those of the built-in scheme, :data:`topo.labels.scheme.SIX`.
"""

from __future__ import annotations

from topo.labels.scheme import SIX, UNKNOWN, UNKNOWN_INDEX

INSIDE, OUTSIDE, PERIPLASM, SIGNAL, HELIX, STRAND = LABELS = SIX.letters
"""Residue labels in index order: inside, outside, periplasm, signal peptide, helix, strand."""

LETTERS = len(LABELS)
"""Number of residue labels."""

SIDES, MEMBRANE = (INSIDE, OUTSIDE, PERIPLASM), (HELIX, STRAND)
"""Labels of loops, by the side they are on, and of membrane segments."""

LABEL_INDEX = SIX.index
"""Index of each label."""

TYPES = SIX.type_names
"""Protein types in index order."""

DECODERS = ("posterior", "viterbi", "argmax")
"""Names of the decoders, the default first."""

TYPE_INDEX = {name: index for index, name in enumerate(TYPES)}

LABEL_NAMES = {**{label.letter: label.name for label in SIX.labels}, UNKNOWN: "unknown"}

encode_labels, decode_labels = SIX.encode, SIX.decode

protein_type = SIX.type_of

__all__ = [
    "DECODERS",
    "HELIX",
    "INSIDE",
    "LABELS",
    "LABEL_INDEX",
    "LABEL_NAMES",
    "LETTERS",
    "MEMBRANE",
    "OUTSIDE",
    "PERIPLASM",
    "SIDES",
    "SIGNAL",
    "STRAND",
    "TYPES",
    "TYPE_INDEX",
    "UNKNOWN",
    "UNKNOWN_INDEX",
    "decode_labels",
    "encode_labels",
    "protein_type",
]
