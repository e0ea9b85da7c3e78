"""Lightning module that trains a tagger on labelled proteins."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from topo._version import environment
from topo.checkpoint import build_tagger, save_checkpoint
from topo.config import Config
from topo.data.loading import sampling_weights, train_loader, whole_loader, whole_order
from topo.data.splits import Splits
from topo.data.types import sampling_types
from topo.graph import ResidueGraph
from topo.labels import TYPES
from topo.metrics.headline import headline_figures
from topo.metrics.types import PREDICTED_COLUMNS, true_types, type_confusion
from topo.model_card import model_card
from topo.nn.losses import total_loss
from topo.protein import Prediction
from topo.runs import Run, run_name
from topo.training.calibration import calibrate
from topo.training.initial_weights import initial_weights
from topo.training.module import SeededTraining
from topo.training.tracking import Tracker

_TRACKED = 8  # validation proteins in the table of predictions at Weights & Biases


class TaggerTraining(SeededTraining):
    """Training of a tagger, with losses of its heads and headline metrics on validation.

    Parameters
    ----------
    config
        Configuration of the run.
    splits
        Proteins to train and validate on.
    """

    def __init__(self, config: Config, splits: Splits) -> None:
        super().__init__(config)
        self.splits = splits
        self.validation = whole_order(splits.validation)
        self.tagger = build_tagger(config)
        self.initial = initial_weights(config)
        self.tagger.load_state_dict({**self.tagger.state_dict(), **self.initial.weights})
        self.tagger.type_shift.copy_(torch.from_numpy(_type_shift(config, splits)))
        self.predictions: list[Prediction] = []

    @property
    def epochs(self) -> int:
        """Number of epochs to train."""
        return self.config.training.epochs

    @property
    def monitor(self) -> str:
        """Name of the validation metric that selects the best epoch."""
        return self.config.training.monitor

    def train_dataloader(self) -> Any:
        """Return the batches of the current epoch."""
        trainer = self.trainer
        return train_loader(
            self.splits.train,
            self.config,
            self.current_epoch,
            trainer.global_rank,
            trainer.world_size,
        )

    def val_dataloader(self) -> Any:
        """Return the batches of whole validation chains."""
        return whole_loader(self.splits.validation, self.config)

    def training_step(self, graph: ResidueGraph, index: int) -> Tensor:
        """Return the weighted sum of the losses of the heads."""
        loss = self._losses(graph, "train")
        self.log("loss", loss, prog_bar=True, logger=False, batch_size=len(graph.length))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Clear the predictions of the epoch before."""
        self.predictions = []

    def validation_step(self, graph: ResidueGraph, index: int) -> None:
        """Collect losses and predictions."""
        scores = self.tagger(graph)
        self._losses(graph, "val", scores)
        done = len(self.predictions)
        batch = self.validation[done : done + len(graph.length)]
        self.predictions += self.tagger.predictions(batch, scores)

    def on_validation_epoch_end(self) -> None:
        """Evaluate the predictions and log the metrics of the epoch."""
        truths = [protein.labels or "" for protein in self.validation]
        metrics = headline_figures(truths, self.predictions)
        metrics = {f"val_{name}": value for name, value in metrics.items()}
        self.log_dict(self.epoch_means() | metrics)

    def configure_optimizers(self) -> dict[str, Any]:
        """Return the configured optimiser and its schedule."""
        steps = len(self.train_dataloader()) * self.epochs
        return self.scheduled_optimizer(self.tagger, steps, self.initial.weights)

    def run_info(self) -> dict[str, Any]:
        """Return the entries of ``run.json`` that are known before the first epoch."""
        splits = self.splits
        return {
            **({"init": self.initial.origin} if self.initial.origin else {}),
            "name": run_name(self.config),
            "seed": self.config.training.seed,
            "parameters": sum(p.numel() for p in self.tagger.parameters()),
            "proteins": {
                name: len(getattr(splits, name)) for name in ("train", "validation", "test")
            },
            "left_out": splits.left_out,
            "data_sha256": splits.checksums,
            "versions": environment(),
        }

    def export(self, run: Run, epoch: dict[str, float], tracker: Tracker) -> None:
        """Calibrate the tagger on validation, write its checkpoint and track its predictions."""
        tagger, config = self.tagger.eval().cpu(), self.config
        self.predictions = calibrate(tagger, config, self.splits.validation)
        metrics = run.info() | {"validation": epoch}
        save_checkpoint(run.model, tagger, config, metrics, model_card(config, metrics))
        run.update_info(**tracker.info())
        self._track(tracker)

    def _track(self, tracker: Tracker) -> None:
        truths = {p.id: p.labels or "" for p in self.splits.validation.proteins}
        counts = np.zeros((len(TYPES), len(PREDICTED_COLUMNS)), dtype=int)
        for prediction in self.predictions:
            possible = true_types(truths[prediction.id])
            counts += type_confusion(possible[0] if len(possible) == 1 else None, prediction.type)
        tracker.log_confusion(counts.tolist(), PREDICTED_COLUMNS)
        tracker.log_predictions(truths, self.predictions[:_TRACKED])

    def _losses(self, graph: ResidueGraph, stage: str, scores: Any = None) -> Tensor:
        smoothing = self.config.loss.label_smoothing if stage == "train" else 0.0
        scores = self.tagger(graph) if scores is None else scores
        losses = self.tagger.losses(scores, graph, smoothing)
        loss = total_loss(losses, self.config.loss)
        for name, value in {"loss": loss, **{f"{k}_loss": v for k, v in losses.items()}}.items():
            # Averaged over batches in training, over proteins in validation.
            weight = 1 if stage == "train" else len(graph.length)
            self.sums[f"{stage}_{name}"] += [float(value.detach())] * weight
        return loss


def _type_shift(config: Config, splits: Splits) -> np.ndarray:
    """Return the log-ratio of type frequencies in validation and in the training draw, (5,)."""
    train, validation = (sampling_types(part.types) for part in (splits.train, splits.validation))
    weights = sampling_weights(splits.train, config.sampling)
    # A pseudo-count of one protein per type keeps types possible that validation lacks.
    before = np.bincount(train, weights, len(TYPES)) * len(validation) + 1
    after = np.bincount(validation, minlength=len(TYPES)) + 1
    shift = np.log(after) - np.log(before)
    return (shift - shift.mean()).astype(np.float32)
