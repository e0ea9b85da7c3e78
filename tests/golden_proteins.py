"""The small hand-checked set behind the golden files; see ``test_formats_golden.py``."""

from __future__ import annotations

import numpy as np

from topo.labels import LABEL_INDEX, TYPES, encode_labels, protein_type
from topo.protein import Prediction

TIMESTAMP = "20250102030405"


def prediction(name: str, sequence: str, labels: str, confidence: float | None) -> Prediction:
    """A prediction with probability 0.9 for its label (inside if unknown), 0.02 for others."""
    probabilities = np.full((len(labels), len(LABEL_INDEX)), 0.02, np.float32)
    probabilities[np.arange(len(labels)), np.maximum(encode_labels(labels), 0)] = 0.9
    kind = protein_type(labels)
    kinds = np.array([0.8 if kind == name else 0.05 for name in TYPES], np.float32)
    return Prediction(name, sequence, labels, kind, probabilities, kinds, confidence)


def proteins() -> list[Prediction]:
    """TM, SP+TM, SP, GLOB, BETA, a helix at residue 1, one residue, odd ids, no probabilities."""
    bare = "MKT" + "L" * 15 + "RRG"
    return [
        prediction("sp|P1|TM2", "MKR" + "LVIA" * 5 + "NGS" + "FLIV" * 5 + "KR",
                   "III" + "M" * 20 + "OOO" + "M" * 20 + "II", 0.875),
        prediction("sptm", "MKLLLLLLALSALA" + "QDTN" + "LIVA" * 5 + "RKR",
                   "S" * 14 + "OOOO" + "M" * 20 + "III", 0.75),
        prediction("secreted", "MKKLLLALLAVSAMA" + "QDEST", "S" * 15 + "O" * 5, 0.5),
        prediction("globular", "MSTNPKPQRK", "I" * 10, 1.0),
        prediction("barrel", "AQ" + "TVKVNATLR" + "GDN" + "YSVTAGFKL" + "N",
                   "PP" + "B" * 9 + "OOO" + "B" * 9 + "P", 0.25),
        prediction("helix.first", "LVIALVIALVIALVIALVIANGS", "M" * 20 + "OOO", None),
        prediction("one", "M", "I", 0.0625),
        prediction("odd id;50%=é%20|x", "MST", "III", 0.5),
        Prediction("bare", bare, "OOO" + "M" * 15 + "III", "TM"),
    ]  # fmt: skip
