"""Phobius' short format: id, number of helices, signal peptide (``Y`` or ``0``), prediction.

A signal peptide is written ``n5-16c20/21o``: n-region up to 4, hydrophobic region 5-16, cleavage
between 20 and 21. No model predicts the regions, so the hydrophobic one is the stretch of
at most 12 residues with the highest mean hydropathy (Kyte & Doolittle 1982), at least 3 residues
before the cleavage site. Only the numbers around the slash are predicted.
"""

from __future__ import annotations

from topo.io.ids import plain_id
from topo.io.tmhmm import helix_topology
from topo.labels import HELIX, SIGNAL
from topo.protein import Prediction
from topo.residues import HYDROPATHY

HEADER = "SEQENCE ID                     TM SP PREDICTION\n"
"""First line as Phobius spells it."""

_WINDOW = 12
_C_REGION = 3


def phobius_record(prediction: Prediction) -> str:
    """Format the line of one protein, separated by tabs."""
    segments = prediction.segments
    helices = sum(segment.label == HELIX for segment in segments)
    signal, text = "0", helix_topology(segments)
    if segments and segments[0].label == SIGNAL:
        end = segments[0].end
        first, last = hydrophobic_region(prediction.sequence[:end])
        signal, text = "Y", f"n{first}-{last}c{end}/{end + 1}{text}"
    return f"{plain_id(prediction.id)}\t{helices}\t{signal}\t{text}\n"


def hydrophobic_region(signal_peptide: str) -> tuple[int, int]:
    """Return first and last residue (from 1) of the most hydrophobic stretch."""
    core = signal_peptide[:-_C_REGION] or signal_peptide
    values = [HYDROPATHY.get(residue, 0.0) for residue in core]
    width = min(_WINDOW, len(values))
    sums = [sum(values[i : i + width]) for i in range(len(values) - width + 1)]
    first = max(range(len(sums)), key=sums.__getitem__)
    return first + 1, first + width
