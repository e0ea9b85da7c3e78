"""Residue labels, their tensor indices, and the protein types that they spell."""

from __future__ import annotations

import numpy as np

INSIDE, OUTSIDE, PERIPLASM, SIGNAL, HELIX, STRAND = LABELS = tuple("IOPSMB")
"""Residue labels in index order: inside, outside, periplasm, signal peptide, helix, strand."""

LETTERS = len(LABELS)
"""Number of residue labels."""

SIDES, MEMBRANE = (INSIDE, OUTSIDE, PERIPLASM), (HELIX, STRAND)
"""Labels of loops, by the side they are on, and of membrane segments."""

UNKNOWN = "-"
"""Letter of an unknown label."""

UNKNOWN_INDEX = -100
"""Index of an unknown label in tensors, which ``torch`` losses ignore."""

LABEL_INDEX = {letter: index for index, letter in enumerate(LABELS)}

TYPES = ("TM", "SP+TM", "SP", "GLOB", "BETA")
"""Protein types in index order."""

DECODERS = ("posterior", "viterbi", "argmax")
"""Names of the decoders, the default first."""

TYPE_INDEX = {name: index for index, name in enumerate(TYPES)}

LABEL_NAMES = {
    "I": "inside",
    "O": "outside",
    "P": "periplasm",
    "S": "signal peptide",
    "M": "membrane helix",
    "B": "membrane strand",
    "-": "unknown",
}

_ENCODE = np.full(128, UNKNOWN_INDEX - 1, dtype=np.int64)
for _letter, _index in [*LABEL_INDEX.items(), (UNKNOWN, UNKNOWN_INDEX)]:
    _ENCODE[ord(_letter)] = _index
_DECODE = np.frombuffer("".join(LABELS).encode(), dtype=np.uint8)


def encode_labels(labels: str) -> np.ndarray:
    """Turn a label string into indices.

    Parameters
    ----------
    labels
        Letters of :data:`LABELS` and :data:`UNKNOWN`, R of them.

    Returns
    -------
    numpy.ndarray
        int64, shape (R,); :data:`UNKNOWN_INDEX` where unknown.

    Raises
    ------
    ValueError
        On any other letter.
    """
    raw = np.frombuffer(labels.encode("ascii", "replace"), dtype=np.uint8)
    indices = _ENCODE[np.minimum(raw, 127)]
    if (bad := indices < UNKNOWN_INDEX).any():
        position = int(bad.argmax())
        raise ValueError(
            f"found label {labels[position]!r} at position {position + 1}, "
            f"expected one of {' '.join(LABELS)} {UNKNOWN}"
        )
    return indices


def decode_labels(indices: np.ndarray) -> str:
    """Turn indices (any integer dtype, shape (R,)) back into a label string."""
    indices = np.asarray(indices)
    letters = _DECODE[np.maximum(indices, 0)].copy()
    letters[indices < 0] = ord(UNKNOWN)
    return letters.tobytes().decode()


def protein_type(labels: str) -> str | None:
    """Return the type that a label string spells.

    Any ``B`` makes BETA; ``M`` and ``S`` make SP+TM; ``M`` alone TM; ``S`` alone SP; nothing but
    ``I`` GLOB. Unknown residues are ignored; :func:`topo.grammar.legality.possible_types` lists
    the types that a partly known string leaves possible.

    Returns
    -------
    str or None
        One of :data:`TYPES`, or None where the letters spell no type (all ``O``, or empty).
    """
    letters = set(labels) - {UNKNOWN}
    if STRAND in letters:
        return "BETA"
    if HELIX in letters:
        return "SP+TM" if SIGNAL in letters else "TM"
    if SIGNAL in letters:
        return "SP"
    return "GLOB" if letters == {INSIDE} else None
