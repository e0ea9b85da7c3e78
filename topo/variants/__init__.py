"""Effects of substitutions, truncations and N-terminal tags on a predicted topology."""

from topo.variants.changes import Variant, substitutions, tagged, truncated, truncations
from topo.variants.effects import Effect
from topo.variants.notation import parse_variant, read_variants
from topo.variants.scan import Scan, scan

__all__ = [
    "Effect",
    "Scan",
    "Variant",
    "parse_variant",
    "read_variants",
    "scan",
    "substitutions",
    "tagged",
    "truncated",
    "truncations",
]
