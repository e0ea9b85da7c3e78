"""Lightning module that trains a tagger on labelled proteins."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from topo._version import environment
from topo.checkpoint import build_tagger, save_checkpoint
from topo.config import Config
from topo.data.loading import sampling_weights, train_loader, whole_loader, whole_order
from topo.data.splits import Splits
from topo.grammar.legality import only_type
from topo.graph import ResidueGraph
from topo.metrics.headline import headline_metrics
from topo.metrics.types import type_confusion
from topo.model_card import model_card
from topo.nn.decoding import Scores
from topo.nn.losses import cleavage_sites, total_loss
from topo.protein import Prediction
from topo.runs import Run, run_name
from topo.training.calibration import calibrate
from topo.training.initial_weights import initial_weights
from topo.training.module import SeededTraining
from topo.training.tracking import Tracker

_log = logging.getLogger(__name__)

_TRACKED = 8  # validation proteins in the table of predictions at Weights & Biases


class TaggerTraining(SeededTraining):
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
        self.lengthened = lengthened
        self.was_split = False
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

    def training_step(self, parts: list[ResidueGraph], index: int) -> Tensor:
        """Return the loss of the last part of a batch, after the gradients of those before.

        A batch that is too large for the memory comes in several parts. Their losses are weighted
        so that the sum is the loss of the whole batch.
        """
        self._tell_of_parts(parts)
        values: dict[str, float] = defaultdict(float)
        loss = torch.zeros(())
        shares_of_parts = loss_shares(parts, self._totals(parts))
        for number, (part, shares) in enumerate(zip(parts, shares_of_parts, strict=True)):
            if number:
                self._backward_of_part(loss)
            loss = self._part_loss(part, shares, values)
        values = self._over_processes(values)
        self.finite(values["loss"])
        for name, value in values.items():
            self.sums[f"train_{name}"].append(value)
        count = sum(len(part.length) for part in parts)
        self.log("loss", values["loss"], prog_bar=True, logger=False, batch_size=count)
        return loss

    def optimizer_zero_grad(self, *args: Any) -> None:
        """Do nothing: Lightning calls this when the gradients of the first parts are there."""

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        """Clear the gradients and seed the step."""
        self.zero_grad()
        super().on_train_batch_start(batch, index)

    def on_validation_epoch_start(self) -> None:
        """Clear the predictions of the epoch before."""
        self.predictions = []

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

    def _part_loss(
        self, part: ResidueGraph, shares: Mapping[str, float], values: dict[str, float]
    ) -> Tensor:
        """Return the weighted loss of a part, and add its losses to ``values``."""
        smoothing = self.config.loss.label_smoothing
        losses = self.tagger.losses(self.tagger(part), part, smoothing)
        losses = {name: loss * shares[name] for name, loss in losses.items()}
        loss = total_loss(losses, self.config.loss)
        values["loss"] += float(loss.detach())
        for name, value in losses.items():
            values[f"{name}_loss"] += float(value.detach())
        world = self.trainer.world_size  # the gradients are averaged over the processes
        return loss * world if world > 1 else loss

    def _totals(self, parts: Sequence[ResidueGraph]) -> dict[str, float] | None:
        """Return the number of proteins and known sites of the batch of all processes."""
        if self.trainer.world_size == 1:
            return None
        sizes, sites = part_counts(parts)
        return self._over_processes({"proteins": sizes.sum(), "sites": sites.sum()})

    def _over_processes(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the sums of values over the processes of the training."""
        if self.trainer.world_size == 1:
            return dict(values)
        # float32, because not every device has float64
        numbers = torch.tensor([*values.values()], dtype=torch.float32, device=self.device)
        summed = self.trainer.strategy.reduce(numbers, reduce_op="sum")
        return dict(zip(values, summed.tolist(), strict=True))

    def _backward_of_part(self, loss: Tensor) -> None:
        with torch.autocast(self.device.type, enabled=False):
            loss.backward()

    def _tell_of_parts(self, parts: Sequence[ResidueGraph]) -> None:
        """Report the first batch that is split."""
        if len(parts) > 1 and not self.was_split and self.trainer.is_global_zero:
            self.was_split = True
            limit = self.config.training.batch_residues
            _log.info(
                f"batches of {self.config.training.batch} proteins are computed in parts of at "
                f"most {limit:,} residues (training.batch_residues); their gradients are added"
            )

    def _validation_losses(self, graph: ResidueGraph, scores: Scores) -> None:
        losses = self.tagger.losses(scores, graph)
        values = {"val_loss": self.finite(float(total_loss(losses, self.config.loss)))}
        values |= {f"val_{name}_loss": float(value) for name, value in losses.items()}
        # Averaged over batches in training, over proteins in validation.
        for name, value in values.items():
            self.sums[name] += [value] * len(graph.length)


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
