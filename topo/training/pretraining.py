"""Masked-residue pre-training on Lightning: an epoch is an interval of the corpus' stream."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

from topo.checkpoint import environment, save_trunk
from topo.config import Config
from topo.data.pieces import PretrainingData
from topo.model_card import trunk_card
from topo.nn.masked import MaskedResidueModel, masked_loss
from topo.runs import Run, run_name
from topo.training.loop import HistoryWriter, SeededTraining, begin_run, prepare, run_epochs
from topo.training.tracking import Tracker


class MaskedResidueTraining(SeededTraining):
    """How the trunk learns from masked residues, and its pseudo-perplexity on the held-out slice.

    Parameters
    ----------
    config
        The run's configuration.
    data
        The corpus, divided.
    """

    def __init__(self, config: Config, data: PretrainingData) -> None:
        super().__init__(config)
        self.data = data
        self.model = MaskedResidueModel(config.model, config.graph.window, config.graph.structure)
        # The background need not be learned.
        self.model.residue_head.bias.data.copy_(torch.from_numpy(np.log(data.background())))
        self.told = _Tally()

    def train_dataloader(self) -> Any:
        """Batches of the current interval."""
        trainer = self.trainer
        return self.data.train_loader(self.current_epoch, trainer.global_rank, trainer.world_size)

    def val_dataloader(self) -> Any:
        """Pieces of the held-out slice."""
        return self.data.validation_loader()

    def training_step(self, graph: Data, index: int) -> Tensor:
        """Return the cross-entropy of the chosen residues."""
        loss = masked_loss(*self.model(graph))
        self.sums["train_loss"].append(float(loss.detach()))
        self.log("loss", loss, prog_bar=True, logger=False, batch_size=len(graph.length))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Begin with nothing told."""
        self.told = _Tally()

    def validation_step(self, graph: Data, index: int) -> None:
        """Count what is told."""
        self.told.add(*self.model(graph))

    def on_validation_epoch_end(self) -> None:
        """Log the interval's figures."""
        self.log_dict(self.epoch_means() | self.told.figures())

    def configure_optimizers(self) -> dict[str, Any]:
        """Return the configured optimiser and a schedule that steps by batch."""
        per_interval = len(self.data.train_loader(0, 0, self.trainer.world_size))
        return self.scheduled_optimizer(self.model, per_interval * self.data.intervals)


class _Tally:
    """Cross-entropy and number of right answers, summed over residues."""

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.right = self.count = 0

    def add(self, scores: Tensor, target: Tensor) -> None:
        self.loss.append(float(F.cross_entropy(scores, target, reduction="sum")))
        self.right += int((scores.argmax(1) == target).sum())
        self.count += len(target)

    def figures(self) -> dict[str, float]:
        count = max(1, self.count)
        loss = math.fsum(self.loss) / count
        return {
            "val_loss": loss,
            "val_pseudo_perplexity": math.exp(loss),
            "val_residue_accuracy": self.right / count,
        }


class PretrainingHistory(HistoryWriter):
    """A row and a line of progress an interval."""

    def __init__(self, run: Run, data: PretrainingData) -> None:
        super().__init__(run)
        self.data = data
        self.before = 0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Begin to measure the speed."""
        self.started = time.monotonic()
        self.before = self.data.shown(trainer.current_epoch - 1) if trainer.current_epoch else 0

    def columns(self, trainer: pl.Trainer) -> dict[str, float]:
        """Return interval, residues shown so far, and learning rate."""
        return {**super().columns(trainer), "residues": self.data.shown(trainer.current_epoch)}

    def line(self, trainer: pl.Trainer) -> str:
        """Return how far it is, how well, how fast, and how long it will still take."""
        row, done, goal = self.rows[-1], int(self.rows[-1]["residues"]), self.data.rule.residues
        speed = (done - self.before) / max(1e-9, time.monotonic() - self.started)
        return (
            f"residues {done:,}/{goal:,}  train_loss {row['train_loss']:.4f}  "
            f"val_loss {row['val_loss']:.4f}  "
            f"val_pseudo_perplexity {row['val_pseudo_perplexity']:.3f}  "
            f"{speed:,.0f} residues/s  {_duration((goal - done) / speed)} left"
        )


def pretrain(
    config: Config, data: PretrainingData, run: Run, *, resume: bool = False, progress: bool = False
) -> Path:
    """Pre-train a trunk, write the run's folder, and return the folder of the best trunk.

    Parameters
    ----------
    config
        How to train: its ``pretraining``, ``graph``, ``model``, ``training`` and ``tracking``.
    data
        The corpus of ``config.pretraining``.
    run
        The folder; with ``resume`` its last finished interval is where training goes on.
    progress
        Show a progress bar.

    Raises
    ------
    TopoError
        If the folder cannot be written.
    """
    prepare(config)
    module = MaskedResidueTraining(config, data)
    tracker = Tracker(config, run.path, run.path.name)
    begin_run(run, config, _run_info(config, data, module.model))
    trained = run_epochs(
        module,
        run,
        tracker,
        [PretrainingHistory(run, data)],
        epochs=data.intervals,
        monitor="val_loss",
        resume=resume,
        progress=progress,
    )
    if not trained.trainer.is_global_zero:
        return run.trunk
    row = trained.best_row(run, trained.restore_best(module))
    run.update_info(residues_seen=int(row["residues"]))
    if tracker.url:
        run.update_info(wandb=tracker.url)
    metrics = run.info() | {"validation": row}
    save_trunk(run.trunk, module.model, config, metrics, trunk_card(config, metrics))
    tracker.finish()
    return run.trunk


def _run_info(config: Config, data: PretrainingData, model: MaskedResidueModel) -> dict[str, Any]:
    return {
        "name": run_name(config),
        "seed": config.training.seed,
        "parameters": sum(weight.numel() for weight in model.trunk_state().values()),
        "proteins": {"train": len(data.train), "validation": len(data.validation)},
        "left_out": data.corpus.left_out,
        "data_sha256": data.corpus.checksums,
        "background_pseudo_perplexity": data.background_perplexity(),
        "versions": environment(),
    }


def _duration(seconds: float) -> str:
    """Write a time as people say it: ``40 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
