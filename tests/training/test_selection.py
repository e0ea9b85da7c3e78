"""Selection of the epoch that a training writes."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
from conftest import command
from lightning.pytorch import callbacks
from scipy.stats import ttest_rel

from topo.config import load_config
from topo.data.splits import Splits
from topo.runs import Run
from topo.training.loop import fit
from topo.training.module import SeededTraining
from topo.training.selection import is_as_good


def test_an_epoch_is_as_good_up_to_one_standard_error() -> None:
    random = np.random.default_rng(0)
    answers = set()
    for _ in range(200):
        lowest = random.gamma(1.0, size=11).tolist()
        losses = [loss + random.normal(0.1, 0.4) for loss in lowest]
        statistic = ttest_rel(losses, lowest).statistic
        answers.add(is_as_good(losses, lowest))
        assert is_as_good(losses, lowest) == (statistic <= 1)
    assert answers == {True, False}


@pytest.mark.parametrize(
    ("losses", "lowest", "expected"),
    [
        ([1.0], [1.0], True),
        ([1.1], [1.0], False),
        ([2.0, 2.0], [1.0, 1.0], False),
        ([3.0, 1.0], [1.0, 2.0], True),
    ],
    ids=["the same", "one protein", "every protein worse", "one worse, one better"],
)
def test_of_few_proteins(losses: list[float], lowest: list[float], expected: bool) -> None:
    assert is_as_good(losses, lowest) is expected


class Losses(callbacks.Callback):
    """The loss of each validation protein in every epoch."""

    def __init__(self) -> None:
        self.epochs: list[list[float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, SeededTraining)
        self.epochs.append(list(pl_module.loss_of_each))


def trained(folder: Path, **options: Any) -> tuple[Run, list[list[float]]]:
    settings = {
        "model.encoder.gcs": 8, "model.recurrent.size": 8, "model.recurrent.layers": 1,
        "training.epochs": 12, "training.threads": 1, "training.batch": 16, "training.ema": 0,
        "training.learning_rate": 0.02, "data.crop": 200, "sampling.minimum": 1, **options,
    }  # fmt: skip
    config = load_config(None, [f"{name}={value}" for name, value in settings.items()])
    run, losses = Run(folder), Losses()
    fit(config, Splits.of(config), run, also=[losses])
    return run, losses.epochs


def test_the_latest_epoch_as_good_as_the_lowest_is_written(tmp_path: Path) -> None:
    run, epochs = trained(tmp_path / "run")
    history = run.history()
    for row, losses in zip(history, epochs, strict=True):
        assert np.mean(losses) == pytest.approx(row["val_loss"], rel=1e-5)
    lowest = min(epochs, key=lambda losses: float(np.mean(losses)))
    good = [k for k, losses in enumerate(epochs) if is_as_good(losses, lowest)]
    assert run.info()["best_epoch"] == good[-1]
    assert good[-1] != int(np.argmin([row["val_loss"] for row in history]))


def test_another_metric_selects_the_epoch_with_the_best_value(tmp_path: Path) -> None:
    run, _ = trained(tmp_path / "run", **{"training.monitor": "val_residue_accuracy"})
    values = [row["val_residue_accuracy"] for row in run.history()]
    assert run.info()["best_epoch"] == int(np.argmax(values))


def test_a_run_that_was_moved_keeps_its_best_epoch(tmp_path: Path) -> None:
    options = {"training.learning_rate": 1e-12, "training.monitor": "val_topology_accuracy_macro"}
    run, _ = trained(tmp_path / "run", **options, **{"training.epochs": 2})
    assert run.info()["best_epoch"] == 0  # nothing is better than the first
    shutil.rmtree(run.model)
    moved = Run(run.path.rename(tmp_path / "elsewhere"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert command("train", "--resume", moved.path, "--epochs", 3) == 0
    assert moved.info()["best_epoch"] == 0
    assert not run.path.exists()
