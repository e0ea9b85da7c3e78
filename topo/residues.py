"""The 20 standard residues and their physicochemical scales."""

from __future__ import annotations

import numpy as np

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
"""One-letter codes of the 20 standard residues, in the order of the node features."""

RESIDUE_CODES = np.frombuffer(AMINO_ACIDS.encode(), dtype=np.uint8)
"""ASCII codes of the standard residues, uint8, (20,)."""

RESIDUE_INDEX = np.full(256, -1, dtype=np.int64)
"""Index of the standard residue of each ASCII code, -1 for other codes, int64, (256,)."""
RESIDUE_INDEX[RESIDUE_CODES] = np.arange(len(AMINO_ACIDS))


def _scale(values: str) -> dict[str, float]:
    return dict(zip(AMINO_ACIDS, map(float, values.split()), strict=True))


HYDROPATHY = _scale(
    "1.8 2.5 -3.5 -3.5 2.8 -0.4 -3.2 4.5 -3.9 3.8 1.9 -3.5 -1.6 -3.5 -4.5 -0.8 -0.7 4.2 -0.9 -1.3"
)
"""Hydropathy: Kyte & Doolittle 1982, J Mol Biol 157:105, table 2."""

VOLUME = _scale(
    "88.6 108.5 111.1 138.4 189.9 60.1 153.2 166.7 168.6 166.7 "
    "162.9 114.1 112.7 143.8 173.4 89.0 116.1 140.0 227.8 193.6"
)
"""Residue volumes in cubic angstrom: Zamyatnin 1972, Prog Biophys Mol Biol 24:107."""

CHARGE = {"D": -1.0, "E": -1.0, "K": 1.0, "R": 1.0, "H": 0.1}
"""Side-chain charge at pH 7; histidine counts as one tenth (pKa about 6)."""
