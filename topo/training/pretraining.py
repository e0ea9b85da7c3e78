"""Masked-residue pre-training; an epoch is an interval of the corpus stream."""

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

from topo._version import environment
from topo.checkpoint import save_trunk
from topo.config import Config
from topo.data.pieces import PretrainingData
from topo.graph import ResidueGraph
from topo.model_card import trunk_card
from topo.nn.masked import MaskedResidueModel, masked_loss
from topo.runs import Run, run_name
from topo.training.checks import check_machine
from topo.training.history import HistoryWriter
from topo.training.loop import prepare, train
from topo.training.module import SeededTraining
from topo.training.tracking import Tracker


class MaskedResidueTraining(SeededTraining):
    """Training of a trunk on masked residues, with pseudo-perplexity on the held-out slice.

    Parameters
    ----------
    config
        Configuration of the run.
    data
        Training and held-out parts of the corpus.
    """

    verb = "pretrain"

    def __init__(self, config: Config, data: PretrainingData) -> None:
        super().__init__(config)
        self.data = data
        self.model = MaskedResidueModel(config.model, config.graph)
        # Start from the background frequencies, which then need no training.
        self.model.residue_head.bias.data.copy_(torch.from_numpy(np.log(data.background())))
        self.tally = _Tally()

    @property
    def epochs(self) -> int:
        """Number of intervals to train."""
        return self.data.intervals

    @property
    def monitor(self) -> str:
        """Name of the validation metric that selects the best interval."""
        return "val_loss"

    def train_dataloader(self) -> Any:
        """Return the batches of the current interval."""
        trainer = self.trainer
        return self.data.train_loader(self.current_epoch, trainer.global_rank, trainer.world_size)

    def val_dataloader(self) -> Any:
        """Return the batches of the held-out slice."""
        return self.data.validation_loader()

    def training_step(self, graph: ResidueGraph, index: int) -> Tensor:
        """Return the cross-entropy of the target residues."""
        loss = masked_loss(*self.model(graph))
        self.sums["train_loss"].append(self.finite(float(loss.detach())))
        self.log("loss", loss, prog_bar=True, logger=False, batch_size=len(graph.length))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Reset the validation counters."""
        self.tally = _Tally()

    def validation_step(self, graph: ResidueGraph, index: int) -> None:
        """Accumulate loss and accuracy."""
        self.tally.add(*self.model(graph))

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the interval."""
        metrics = self.tally.metrics()
        self.finite(metrics["val_loss"])
        self.log_dict(self.epoch_means() | metrics)

    def configure_optimizers(self) -> dict[str, Any]:
        """Return the configured optimiser and its schedule."""
        per_interval = len(self.data.train_loader(0, 0, self.trainer.world_size))
        return self.scheduled_optimizer(self.model, per_interval * self.epochs)

    def run_info(self) -> dict[str, Any]:
        """Return the entries of ``run.json`` that are known before the first interval."""
        data = self.data
        return {
            "name": run_name(self.config),
            "seed": self.config.training.seed,
            "parameters": sum(weight.numel() for weight in self.model.trunk.state_dict().values()),
            "proteins": {"train": len(data.train), "validation": len(data.validation)},
            "left_out": data.corpus.left_out,
            "data_sha256": data.corpus.checksums,
            "background_pseudo_perplexity": data.background_perplexity(),
            "versions": environment(),
        }

    def export(self, run: Run, epoch: dict[str, float], tracker: Tracker) -> None:
        """Write the weights of the trunk."""
        run.update_info(residues_seen=int(epoch["residues"]), **tracker.info())
        metrics = run.info() | {"validation": epoch}
        card = trunk_card(self.config, metrics)
        save_trunk(run.trunk, self.model.trunk, self.config, metrics, card)


class _Tally:
    """Cross-entropy and number of correct predictions, summed over residues."""

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.correct = self.count = 0

    def add(self, scores: Tensor, target: Tensor) -> None:
        self.loss.append(float(F.cross_entropy(scores, target, reduction="sum")))
        self.correct += int((scores.argmax(1) == target).sum())
        self.count += len(target)

    def metrics(self) -> dict[str, float]:
        count = max(1, self.count)
        loss = math.fsum(self.loss) / count
        return {
            "val_loss": loss,
            "val_pseudo_perplexity": float(np.exp(loss)),
            "val_residue_accuracy": self.correct / count,
        }


class PretrainingHistory(HistoryWriter):
    """History with residues per interval, speed and remaining time.

    Parameters
    ----------
    run
        Run to write to.
    data
        Corpus that the run reads.
    """

    def __init__(self, run: Run, data: PretrainingData) -> None:
        super().__init__(run)
        self.data = data
        self.before = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the measurement of speed."""
        self.started = time.monotonic()
        self.before = self.data.shown(trainer.current_epoch - 1) if trainer.current_epoch else 0

    def columns(self, trainer: pl.Trainer) -> dict[str, float]:
        """Return interval, learning rate, and number of residues so far."""
        return {**super().columns(trainer), "residues": self.data.shown(trainer.current_epoch)}

    def line(self, trainer: pl.Trainer) -> str:
        """Return the line of progress for the last row."""
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
    """Pre-train a trunk, write its run folder, and return the folder of the best trunk.

    Parameters
    ----------
    config
        Configuration of the run; ``pretraining``, ``graph``, ``model``, ``training`` and
        ``tracking`` are used.
    data
        Corpus of ``config.pretraining``.
    run
        Run to write to.
    resume
        Whether to continue after the last finished interval of the run.
    progress
        Whether to show a progress bar.

    Returns
    -------
    pathlib.Path
        Folder of the trunk.

    Raises
    ------
    TopoError
        If the folder cannot be written.
    """
    check_machine(config)
    prepare(config.training)
    module = MaskedResidueTraining(config, data)
    train(module, run, [PretrainingHistory(run, data)], resume=resume, progress=progress)
    return run.trunk


def _duration(seconds: float) -> str:
    """Format a time: ``40 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
