"""Training on numeric sequences, by the same loop as that of taggers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from topo._version import environment
from topo.checkpoint import save_checkpoint
from topo.config import Config, first_difference, with_absolute_paths
from topo.data.features import moments
from topo.errors import ConfigError
from topo.graph import ResidueGraph
from topo.nn.losses import total_loss
from topo.runs import Run, run_name
from topo.sequences.data import SequenceSplits, sequence_batches, whole_batches
from topo.sequences.model import accuracies, build_sequence_model, predict_sequences
from topo.training.checks import check_machine
from topo.training.history import HistoryWriter
from topo.training.loop import prepare, train
from topo.training.module import PartwiseTraining
from topo.training.tracking import Tracker


class SequenceTraining(PartwiseTraining):
    """Training of a model of numeric sequences.

    Parameters
    ----------
    config
        Configuration of the run.
    splits
        Sequences to train and validate on.
    """

    verb = "train"

    def __init__(self, config: Config, splits: SequenceSplits) -> None:
        super().__init__(config)
        self.splits = splits
        self.model = build_sequence_model(config)
        if config.task.normalise == "set":
            mean, deviation = moments((r.values for r in splits.train), config.task.width)
            self.model.mean.copy_(torch.from_numpy(mean))
            self.model.deviation.copy_(torch.from_numpy(deviation))

    def train_dataloader(self) -> Any:
        """Return the batches of the current epoch."""
        return sequence_batches(self.splits.train, self.config, self.current_epoch)

    def val_dataloader(self) -> Any:
        """Return the batches of the validation sequences."""
        return whole_batches(self.splits.validation, self.config)[0]

    def part_losses(self, part: ResidueGraph) -> dict[str, Tensor]:
        """Return the losses of a part of a batch, averaged over its sequences."""
        return self.model.losses(self.model(part), part)

    def part_shares(self, parts: Sequence[ResidueGraph]) -> list[dict[str, float]]:
        """Return the share of the sequences in each part, for each loss."""
        total = sum(len(part.length) for part in parts)
        shares = [len(part.length) / total for part in parts]
        return [{"type": share, "topology": share} for share in shares]

    def validation_step(self, graph: ResidueGraph, index: int) -> None:
        """Collect the losses."""
        losses = self.model.losses(self.model(graph), graph)
        values = {"val_loss": self.finite(float(total_loss(losses, self.config.loss)))}
        for name, value in values.items():
            self.sums[name] += [value] * len(graph.length)

    def on_validation_epoch_end(self) -> None:
        """Log losses and accuracies of the epoch."""
        self.log_dict(self.epoch_means() | self._figures())

    def configure_optimizers(self) -> dict[str, Any]:
        """Return the configured optimiser and its schedule."""
        steps = len(self.train_dataloader()) * self.epochs
        return self.scheduled_optimizer(self.model, steps)

    def run_info(self) -> dict[str, Any]:
        """Return the entries of ``run.json`` that are known before the first epoch."""
        splits = self.splits
        return {
            "name": run_name(self.config),
            "seed": self.config.training.seed,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "proteins": {
                name: len(getattr(splits, name)) for name in ("train", "validation", "test")
            },
            "data_sha256": splits.checksums,
            "versions": environment(),
        }

    def export(self, run: Run, epoch: dict[str, float], tracker: Tracker) -> None:
        """Write the checkpoint, and the accuracies on validation and test."""
        model, config = self.model.eval().cpu(), self.config
        found = {"validation": {k.removeprefix("val_"): v for k, v in self._figures().items()}}
        if self.splits.test:
            predicted = predict_sequences(model, config, self.splits.test)
            found["test"] = accuracies(self.splits.test, predicted)
        metrics = run.info() | found
        save_checkpoint(run.model, model, config, metrics, _card(config, metrics))
        run.update_info(**found, **tracker.info())

    def _figures(self) -> dict[str, float]:
        records = self.splits.validation
        predicted = predict_sequences(self.model, self.config, records)
        return {f"val_{name}": value for name, value in accuracies(records, predicted).items()}


class TimedHistory(HistoryWriter):
    """History with the seconds of each epoch."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.before = self.started

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the epoch."""
        self.before = time.monotonic()

    def columns(self, trainer: pl.Trainer) -> dict[str, float]:
        """Return the columns that precede the metrics."""
        seconds = round(time.monotonic() - self.before, 3)
        return {**super().columns(trainer), "seconds": seconds}


def fit_sequences(
    config: Config,
    splits: SequenceSplits,
    run: Run,
    *,
    resume: bool = False,
    progress: bool = False,
) -> Path:
    """Train a model of numeric sequences, write its run folder, and return its checkpoint.

    Parameters
    ----------
    config, run, resume, progress
        As for :func:`topo.training.loop.fit`.
    splits
        Sequences of the configuration.

    Raises
    ------
    TopoError
        If the training cannot start, diverges, or the folder cannot be written.
    """
    check_machine(config)
    if config.training.devices > 1:
        raise ConfigError("training.devices: numeric sequences train on one device")
    if resume:
        ours, theirs = (with_absolute_paths(c) for c in (run.config(), config))
        if difference := first_difference(ours, theirs):
            raise ConfigError(f"{run.path}: {difference}; expected the same configuration")
    prepare(config.training)
    module = SequenceTraining(config, splits)
    train(module, run, [TimedHistory(run)], resume=resume, progress=progress)
    return run.model


def _card(config: Config, metrics: dict[str, Any]) -> str:
    rows = [
        f"- {split} {name}: {value:.4f}"
        for split in ("validation", "test")
        for name, value in metrics.get(split, {}).items()
    ]
    return "\n".join(
        [
            f"# {metrics['name']}",
            "",
            f"Classifier of sequences of {config.task.width} values per step.",
            f"Classes: {', '.join(config.task.classes) or 'none'}. "
            f"Letters: {' '.join(config.task.letters) or 'none'}.",
            "",
            *rows,
            "",
        ]
    )
