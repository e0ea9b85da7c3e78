"""Phobius' short format: id, number of helices, signal peptide (``Y`` or ``0``), prediction.

A signal peptide is written ``n5-16c20/21o``: n-region up to 4, hydrophobic region 5-16, cleavage
between 20 and 21. Only the numbers around the slash are predicted, see
:mod:`topo.io.signal_regions`.
"""

from __future__ import annotations

from topo.io.ids import plain_id
from topo.io.signal_regions import hydrophobic_region
from topo.io.tmhmm import helix_topology
from topo.labels import HELIX, SIGNAL
from topo.protein import Prediction

HEADER = "SEQENCE ID                     TM SP PREDICTION\n"
"""First line as Phobius spells it."""


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
