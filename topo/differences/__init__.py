"""Comparison of the topologies of related proteins, segment by segment."""

from topo.differences.alignment import Alignment, align
from topo.differences.compare import Change, Difference, compare, mean_consistency

__all__ = ["Alignment", "Change", "Difference", "align", "compare", "mean_consistency"]
