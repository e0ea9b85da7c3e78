"""The n-, h- and c-region of a signal peptide, which some formats name.

No model predicts the regions. The h-region is the stretch of at most 12 residues with the highest
mean hydropathy (Kyte & Doolittle 1982), at least 3 residues before the cleavage site.
"""

from __future__ import annotations

from topo.residues import HYDROPATHY

_WINDOW = 12
_C_REGION = 3


def hydrophobic_region(signal_peptide: str) -> tuple[int, int]:
    """Return first and last residue (from 1) of the most hydrophobic stretch."""
    core = signal_peptide[:-_C_REGION] or signal_peptide
    values = [HYDROPATHY.get(residue, 0.0) for residue in core]
    width = min(_WINDOW, len(values))
    sums = [sum(values[i : i + width]) for i in range(len(values) - width + 1)]
    first = max(range(len(sums)), key=sums.__getitem__)
    return first + 1, first + width


def signal_regions(signal_peptide: str) -> list[tuple[str, int, int]]:
    """Return ``n``, ``h`` and ``c`` with first and last residue (from 1), without empty ones."""
    first, last = hydrophobic_region(signal_peptide)
    regions = [("n", 1, first - 1), ("h", first, last), ("c", last + 1, len(signal_peptide))]
    return [(name, start, end) for name, start, end in regions if start <= end]
