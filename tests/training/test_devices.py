"""Training in two processes: the history of one process with the same batches."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, command

from topo.runs import Run
from topo.training.launch import Layout, layout

SMALL = [
    *("--gcs", "8", "--lstm", "8", "--layers", "1", "--batch", "16", "--threads", "1"),
    *("--precision", "32", "--crop", "200", "--epochs", "2", "--lr", "0.01", "--dropout", "0"),
    *("--set", "model.encoder.dropout=0", "--set", "model.heads.dropout=0", "--wandb", "off"),
]  # fmt: skip
TOLERANCE = 1e-3
"""Relative difference of losses and gradient norms: sums in another order, in float32.

The losses of the first steps agree in six digits. Adam then enlarges rounding where a gradient is
nearly zero.
"""


def torchrun(processes: int, *words: object) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", processes]
    line += ["--master-addr", "127.0.0.1", "--master-port", port, "-m", "topo", "train", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([str(w) for w in line], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def assert_same_history(one: Run, other: Run, tolerance: float = TOLERANCE) -> None:
    rows, others = one.history(), other.history()
    assert len(rows) == len(others) > 0
    for row, found in zip(rows, others, strict=True):
        assert row.keys() == found.keys()
        for name in ("epoch", "learning_rate", *(n for n in row if "loss" in n or "norm" in n)):
            np.testing.assert_allclose(found[name], row[name], tolerance, 0, err_msg=name)
        assert abs(row["val_residue_accuracy"] - found["val_residue_accuracy"]) < 0.01


@pytest.mark.slow
def test_two_processes_of_torchrun_have_the_history_of_one(tmp_path: Path) -> None:
    assert command("train", *SMALL, "-o", tmp_path, "--name", "one") == 0
    torchrun(2, *SMALL, "-o", tmp_path, "--name", "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    one, two = Run(tmp_path / "one"), Run(tmp_path / "two")
    assert_same_history(one, two)
    assert two.is_finished
    assert two.info()["epochs"] == 2


@pytest.mark.endurance
@pytest.mark.parametrize("batch", [7, 16])
def test_parts_of_batches_in_processes_that_lightning_starts(batch: int, tmp_path: Path) -> None:
    """Batches of which each process computes several parts; the last batch has one protein."""
    more = [*SMALL, "--batch", batch, "--set", "training.batch_residues=800", "-o", tmp_path]
    assert command("train", *more, "--name", "one") == 0
    line = [sys.executable, "-m", "topo", "train", *more, "--name", "two", "--devices", 2]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([str(w) for w in line], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_same_history(Run(tmp_path / "one"), Run(tmp_path / "two"), 0.02)


def test_the_launcher_decides_how_many_processes_there_are() -> None:
    assert layout(3, {}) == Layout(3, 1)
    elastic = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}
    assert layout(1, elastic) == Layout(4, 2)
    assert layout(4, {"SLURM_NNODES": "2", "SLURM_NTASKS": "8"}) == Layout(4, 2)
    assert layout(1, {"SLURM_NNODES": "1", "SLURM_NTASKS": "1"}) == Layout(1, 1)
    assert layout(1, {"SLURM_NNODES": "2", "SLURM_NTASKS": "8"}) == Layout(1, 1)
