"""Lightning module that trains a tagger on labelled proteins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from topo._version import environment
from topo.checkpoint import build_tagger, save_checkpoint
from topo.config import Config
from topo.data.features import feature_moments
from topo.data.loading import sampling_weights, train_loader, whole_loader, whole_order
from topo.data.splits import Splits
from topo.grammar.legality import only_type
from topo.graph import ResidueGraph
from topo.metrics.headline import headline_metrics
from topo.metrics.types import type_confusion
from topo.model_card import model_card
from topo.nn.decoding import Scores
from topo.nn.losses import cleavage_sites, total_loss
from topo.nn.soft_losses import soft_losses
from topo.protein import Prediction
from topo.runs import Run, run_name
from topo.training.calibration import calibrate
from topo.training.distillation import with_teacher
from topo.training.initial_weights import initial_weights
from topo.training.module import PartwiseTraining
from topo.training.tracking import Tracker

_TRACKED = 8  # validation proteins in the table of predictions at Weights & Biases


class TaggerTraining(PartwiseTraining):
    """Training of a tagger, with losses of its heads and headline metrics on validation.

    Parameters
    ----------
    config
        Configuration of the run.
    splits
        Proteins to train and validate on.
    lengthened
        Earlier numbers of epochs of the run, each with the number of epochs that had ended when
        it was changed.
    """

    verb = "train"

    def __init__(
        self, config: Config, splits: Splits, lengthened: Sequence[Sequence[int]] = ()
    ) -> None:
        super().__init__(config)
        self.splits = splits
        self.taught = with_teacher(config, splits)
        self.lengthened = lengthened
        self.validation = whole_order(splits.validation)
        self.tagger = build_tagger(config)
        self._standardise_features()
        self.initial = initial_weights(config, self.tagger)
        self.tagger.load_state_dict({**self.tagger.state_dict(), **self.initial.weights})
        self.tagger.trunk.requires_grad_(not config.training.freeze_trunk)
        self.tagger.type_shift.copy_(torch.from_numpy(_type_shift(config, splits)))
        self.predictions: list[Prediction] = []
        self.loss_of_each: list[float] = []

    def train_dataloader(self) -> Any:
        """Return the batches of the current epoch."""
        trainer = self.trainer
        return train_loader(
            self.taught,
            self.config,
            self.current_epoch,
            trainer.global_rank,
            trainer.world_size,
        )

    def val_dataloader(self) -> Any:
        """Return the batches of whole validation chains."""
        return whole_loader(self.splits.validation, self.config)

    def on_validation_epoch_start(self) -> None:
        """Clear the predictions and losses of the epoch before."""
        self.predictions = []
        self.loss_of_each = []

    def validation_step(self, graph: ResidueGraph, index: int) -> None:
        """Collect losses and predictions."""
        scores = self.tagger(graph)
        self._validation_losses(graph, scores)
        done = len(self.predictions)
        batch = self.validation[done : done + len(graph.length)]
        self.predictions += self.tagger.predictions(batch, scores)

    def on_validation_epoch_end(self) -> None:
        """Evaluate the predictions and log the metrics of the epoch."""
        self.log_dict(self.epoch_means() | self._figures())

    def configure_optimizers(self) -> dict[str, Any]:
        """Return the configured optimiser and its schedule."""
        each = len(self.train_dataloader())
        earlier = [(epochs * each, done * each) for epochs, done in self.lengthened]
        steps = each * self.epochs
        return self.scheduled_optimizer(self.tagger, steps, self.initial.weights, earlier)

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
            "folds": splits.folds,
            "left_out": splits.left_out,
            **({"missing_features": missing} if (missing := self._without_features()) else {}),
            "data_sha256": splits.checksums,
            "versions": environment(),
        }

    def export(self, run: Run, epoch: dict[str, float], tracker: Tracker) -> None:
        """Calibrate the tagger on validation, write its checkpoint and track its predictions."""
        tagger, config = self.tagger.eval().cpu(), self.config
        self.predictions = calibrate(tagger, config, self.splits.validation)
        # Losses are those of the scores, which calibration does not change.
        losses = {k: v for k, v in epoch.items() if k.startswith("val_") and k.endswith("loss")}
        validation = _known(losses | self._figures())
        # The folder of the model marks the run as finished, so that it is written last.
        run.update_info(validation=validation, **tracker.info())
        metrics = run.info()
        save_checkpoint(run.model, tagger, config, metrics, model_card(config, metrics))
        self._track(tracker)

    def _standardise_features(self) -> None:
        """Set mean and deviation of the features, and read those of the validation proteins.

        Every value is read once, so that a file with faulty ones is refused before the training.
        """
        projection = self.tagger.trunk.features
        if projection is None:
            return
        width = self.config.graph.features.width
        mean, deviation = feature_moments(self.splits.train.proteins, width)
        projection.standardise(torch.from_numpy(mean), torch.from_numpy(deviation))
        feature_moments(self.splits.validation.proteins, width)

    def _without_features(self) -> list[str]:
        """Return the ids of the proteins without features, in a training with features."""
        if self.tagger.trunk.features is None:
            return []
        parts = (self.splits.train, self.splits.validation, self.splits.test)
        return [p.id for part in parts for p in part.proteins if p.features is None]

    def _figures(self) -> dict[str, float]:
        """Return the headline metrics of the present predictions of the validation proteins."""
        truths = [protein.labels or "" for protein in self.validation]
        metrics = headline_metrics(truths, self.predictions)
        return {f"val_{name}": value for name, value in metrics.items()}

    def _track(self, tracker: Tracker) -> None:
        truths = {p.id: p.labels or "" for p in self.splits.validation.proteins}
        grammar = self.tagger.crf.grammar
        names = grammar.scheme.type_names
        counts = np.zeros((len(names), len(names) + 1), dtype=int)
        for prediction in self.predictions:
            true = only_type(truths[prediction.id], grammar)
            counts += type_confusion(true, prediction.type, names)
        tracker.log_confusion(counts.tolist(), names)
        tracker.log_predictions(truths, self.predictions[:_TRACKED])

    def part_losses(self, part: ResidueGraph) -> dict[str, Tensor]:
        """Return the losses of a part of a batch, each averaged over its proteins."""
        scores = self.tagger(part)
        losses = self.tagger.losses(scores, part, self.config.loss.label_smoothing)
        if "soft" not in part:
            return losses
        distillation = self.config.distillation
        weight = distillation.weight
        for name, soft in soft_losses(self.tagger, scores, part, distillation).items():
            losses[name] = (1 - weight) * losses[name] + weight * soft
        return losses

    def _totals(self, parts: Sequence[ResidueGraph]) -> dict[str, float] | None:
        """Return the number of proteins and known sites of the batch of all processes."""
        if self.trainer.world_size == 1:
            return None
        sizes, sites = part_counts(parts)
        return self.over_processes({"proteins": sizes.sum(), "sites": sites.sum()})

    def part_shares(self, parts: Sequence[ResidueGraph]) -> list[dict[str, float]]:
        """Return the weight of each loss of each part; see :func:`loss_shares`."""
        return loss_shares(parts, self._totals(parts))

    def _validation_losses(self, graph: ResidueGraph, scores: Scores) -> None:
        losses = self.tagger.protein_losses(scores, graph)
        means = {name: loss.mean() for name, loss in losses.items()}
        values = {"val_loss": self.finite(float(total_loss(means, self.config.loss)))}
        values |= {f"val_{name}_loss": float(value) for name, value in means.items()}
        # Averaged over batches in training, over proteins in validation.
        for name, value in values.items():
            self.sums[name] += [value] * len(graph.length)
        shares = {name: loss.shares() for name, loss in losses.items()}
        self.loss_of_each += total_loss(shares, self.config.loss).tolist()


def loss_shares(
    parts: Sequence[ResidueGraph], totals: Mapping[str, float] | None = None
) -> list[dict[str, float]]:
    """Return the weight of each loss of each part of a batch.

    The losses of a part are averages over its proteins, that of the cleavage site over those with
    a known site. With these weights their sum is the average over the whole batch.

    Parameters
    ----------
    parts
        Parts of the batch in this process.
    totals
        Numbers of ``proteins`` and known ``sites`` of the batch in all processes; by default
        those of the parts.
    """
    if len(parts) == 1 and totals is None:
        return [{"topology": 1.0, "type": 1.0, "cleavage": 1.0}]
    sizes, sites = part_counts(parts)
    totals = totals or {"proteins": sizes.sum(), "sites": sites.sum()}
    proteins, known = sizes / totals["proteins"], sites / max(1.0, totals["sites"])
    return [
        {"topology": share, "type": share, "cleavage": site}
        for share, site in zip(proteins.tolist(), known.tolist(), strict=True)
    ]


def part_counts(parts: Sequence[ResidueGraph]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of proteins, and of those with a known site, of each part."""
    sizes = [len(part.length) for part in parts]
    sites = [int(cleavage_sites(p.y, p.batch, len(p.length))[1].sum()) for p in parts]
    return np.array(sizes, dtype=float), np.array(sites, dtype=float)


def _known(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Replace NaN, which JSON does not have, by None."""
    return {name: None if math.isnan(value) else value for name, value in metrics.items()}


def _type_shift(config: Config, splits: Splits) -> np.ndarray:
    """Return the log-ratio of type frequencies in validation and in the training draw, (types,)."""
    drawn = splits.train.in_epoch(config.training.epochs - 1)
    train, validation = drawn.kinds(), splits.validation.kinds()
    weights = sampling_weights(drawn, config.sampling)
    number = len(drawn.scheme.types)
    # A pseudo-count of one protein per type keeps types possible that validation lacks.
    before = np.bincount(train, weights, number) * len(validation) + 1
    after = np.bincount(validation, minlength=number) + 1
    shift = np.log(after) - np.log(before)
    return (shift - shift.mean()).astype(np.float32)
