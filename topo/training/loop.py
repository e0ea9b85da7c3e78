"""Training on Lightning: the training module, its callbacks, and ``fit``."""

from __future__ import annotations

import logging
import math
import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch import callbacks
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor
from torch_geometric.data import Data

from topo.checkpoint import environment, save_checkpoint
from topo.config import Config, TrainingConfig, dump_config
from topo.data.loading import sampling_weights, train_loader, whole_loader, whole_order
from topo.data.splits import Splits
from topo.data.types import sampling_types
from topo.io.files import atomic_text
from topo.labels import TYPES
from topo.metrics.headline import headline_figures
from topo.metrics.types import PREDICTED_COLUMNS, true_types, type_confusion
from topo.model_card import model_card
from topo.nn.precision import lightning_precision
from topo.nn.tagger import Tagger, total_loss
from topo.protein import Prediction
from topo.runs import Run, run_name
from topo.training.calibration import calibrate
from topo.training.initial_weights import initial_weights
from topo.training.optimizer import make_optimizer
from topo.training.tracking import Tracker

RUN_VARIABLE = "TOPO_RUN"
"""Environment variable that tells the processes of one training where its run is."""


class SeededTraining(pl.LightningModule):
    """What all trainings share: random state by place, clipping, schedule, means of an epoch.

    Parameters
    ----------
    config
        The run's configuration.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.sums: dict[str, list[float]] = defaultdict(list)

    def on_train_epoch_start(self) -> None:
        """Begin with no losses."""
        self.sums.clear()

    def on_train_batch_start(self, batch: Data, index: int) -> None:
        """Derive the random state from seed, epoch and step, so that resuming changes nothing."""
        place = (self.config.training.seed, self.current_epoch, index)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def configure_gradient_clipping(self, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        """Clip by the norm of all gradients and record what it was before."""
        limit = self.config.training.clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), limit)
        self.sums["gradient_norm"].append(float(norm))
        if self.logger:
            self.log("gradient_norm_step", norm)

    def scheduled_optimizer(
        self, model: torch.nn.Module, steps: int, initialised: Container[str] = ()
    ) -> dict[str, Any]:
        """Return the optimiser of a model, its learning rates following the schedule."""
        training = self.config.training
        optimizer = make_optimizer(model, training, initialised)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(training, steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def epoch_means(self) -> dict[str, float]:
        """Return the mean of everything recorded in this epoch, and the largest gradient norm."""
        means = {name: math.fsum(values) / len(values) for name, values in self.sums.items()}
        return means | {"gradient_norm_max": max(self.sums.get("gradient_norm", [0.0]))}


class TaggerTraining(SeededTraining):
    """How the tagger learns: losses, optimiser, and validation by the headline figures.

    Parameters
    ----------
    config
        The run's configuration.
    splits
        Proteins to train and validate on.
    """

    def __init__(self, config: Config, splits: Splits) -> None:
        super().__init__(config)
        self.splits = splits
        self.validation = whole_order(splits.validation)
        self.tagger = Tagger(config.model, config.graph.window, config.graph.structure)
        self.initial = initial_weights(config)
        self.tagger.load_state_dict(self.tagger.state_dict() | self.initial.weights)
        self.tagger.type_shift.copy_(torch.from_numpy(_type_shift(config, splits)))
        self.predictions: list[Prediction] = []

    def train_dataloader(self) -> Any:
        """Batches of the current epoch."""
        trainer = self.trainer
        return train_loader(
            self.splits.train,
            self.config,
            self.current_epoch,
            trainer.global_rank,
            trainer.world_size,
        )

    def val_dataloader(self) -> Any:
        """Whole validation chains."""
        return whole_loader(self.splits.validation, self.config)

    def training_step(self, graph: Data, index: int) -> Tensor:
        """Return the weighted sum of the heads' losses."""
        loss = self._losses(graph, "train")
        self.log("loss", loss, prog_bar=True, logger=False, batch_size=len(graph.length))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Begin with no predictions."""
        self.predictions = []

    def validation_step(self, graph: Data, index: int) -> None:
        """Collect losses and topologies."""
        scores = self.tagger(graph)
        self._losses(graph, "val", scores)
        done = len(self.predictions)
        batch = self.validation[done : done + len(graph.length)]
        self.predictions += self.tagger.predictions(batch, scores)

    def on_validation_epoch_end(self) -> None:
        """Score the topologies and log the epoch's figures."""
        truths = [protein.labels or "" for protein in self.validation]
        figures = headline_figures(truths, self.predictions)
        figures = {f"val_{name}": value for name, value in figures.items()}
        self.log_dict(self.epoch_means() | figures)

    def configure_optimizers(self) -> dict[str, Any]:
        """Return the configured optimiser and a schedule that steps by batch."""
        steps = len(self.train_dataloader()) * self.config.training.epochs
        return self.scheduled_optimizer(self.tagger, steps, self.initial.weights)

    def _losses(self, graph: Data, stage: str, scores: Any = None) -> Tensor:
        smoothing = self.config.loss.label_smoothing if stage == "train" else 0.0
        scores = self.tagger(graph) if scores is None else scores
        losses = self.tagger.losses(scores, graph, smoothing)
        loss = total_loss(losses, self.config.loss)
        for name, value in {"loss": loss, **{f"{k}_loss": v for k, v in losses.items()}}.items():
            # Averaged over batches in training; over proteins in validation.
            weight = 1 if stage == "train" else len(graph.length)
            self.sums[f"{stage}_{name}"] += [float(value.detach())] * weight
        return loss


class HistoryWriter(callbacks.Callback):
    """Writes ``history.csv`` after each epoch and, away from a terminal, a line of progress.

    Its rows travel in Lightning's checkpoint, so that a resumed run continues the table.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows: list[dict[str, float]] = []
        self.started = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the rows of the epochs that are done."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Add the row of this epoch."""
        if not trainer.is_global_zero:
            return
        figures = {k: float(v) for k, v in trainer.callback_metrics.items() if k != "loss"}
        figures = {k: v for k, v in figures.items() if not k.endswith("_step")}
        self.rows.append({**self.columns(trainer), **figures})
        self.run.write_history(self.rows)
        print(self.line(trainer), file=sys.stderr, flush=True)

    def columns(self, trainer: pl.Trainer) -> dict[str, float]:
        """Return the columns that come before the figures."""
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        return {"epoch": trainer.current_epoch, "learning_rate": rate}

    def line(self, trainer: pl.Trainer) -> str:
        """Return the line of progress that goes with the last row."""
        row, seconds = self.rows[-1], time.monotonic() - self.started
        names = ("train_loss", "val_loss", "val_residue_accuracy", "val_type_accuracy_macro",
                 "val_topology_accuracy_macro")  # fmt: skip
        shown = "  ".join(f"{name} {row[name]:.4f}" for name in names if name in row)
        return f"epoch {int(row['epoch']) + 1}/{trainer.max_epochs}  {shown}  {seconds:.0f} s"


def fit(
    config: Config,
    splits: Splits,
    run: Run,
    *,
    resume: bool = False,
    progress: bool = False,
    also: Sequence[callbacks.Callback] = (),
) -> Path:
    """Train, write the run's folder, and return the folder of the best epoch's checkpoint.

    Parameters
    ----------
    config
        How to train.
    splits
        Proteins of the configuration, see :meth:`topo.data.splits.Splits.of`.
    run
        The folder; with ``resume`` its last finished epoch is where training goes on.
    progress
        Show a progress bar.
    also
        Further Lightning callbacks; at an epoch's end they find its row in ``history.csv``.

    Raises
    ------
    TopoError
        If the folder cannot be written.
    """
    prepare(config)
    module = TaggerTraining(config, splits)
    tracker = Tracker(config, run.path, run.path.name)
    begin_run(run, config, _run_info(config, splits, module))
    training = config.training
    trained = run_epochs(
        module,
        run,
        tracker,
        [HistoryWriter(run), *also],
        epochs=training.epochs,
        monitor=training.monitor,
        resume=resume,
        progress=progress,
    )
    if not trained.trainer.is_global_zero:
        return run.model
    _export(config, run, module, trained)
    if tracker.url:
        run.update_info(wandb=tracker.url)
    _track_results(tracker, config, module)
    return run.model


def prepare(config: Config) -> None:
    """Silence Lightning, set the threads, and seed what builds the model."""
    quieten()
    if config.training.threads:
        torch.set_num_threads(config.training.threads)
    pl.seed_everything(config.training.seed, verbose=False)


def begin_run(run: Run, config: Config, info: Mapping[str, Any]) -> None:
    """Write ``config.yaml`` and ``run.json``, in the one process that writes."""
    if rank_zero_only.rank == 0:
        with atomic_text(run.path / "config.yaml") as file:
            file.write(dump_config(config))
        run.update_info(**info)


@dataclass(frozen=True)
class Trained:
    """What is left when the epochs are over."""

    trainer: pl.Trainer
    best_path: str
    seconds: float

    def restore_best(self, module: SeededTraining) -> int:
        """Load the best epoch's weights into the module, and return the epoch's number."""
        state = torch.load(self.best_path, map_location="cpu", weights_only=True)
        module.load_state_dict(state["state_dict"])
        return int(state["epoch"])

    def best_row(self, run: Run, epoch: int) -> dict[str, float]:
        """Note epoch and time in ``run.json``, and return the epoch's row of ``history.csv``."""
        before = run.info().get("seconds", 0.0)
        run.update_info(best_epoch=epoch, seconds=round(before + self.seconds, 1))
        return next(row for row in run.history() if row["epoch"] == epoch)


def run_epochs(
    module: SeededTraining,
    run: Run,
    tracker: Tracker,
    wanted: Sequence[callbacks.Callback],
    *,
    epochs: int,
    monitor: str,
    resume: bool,
    progress: bool,
) -> Trained:
    """Train with Lightning, from the last finished epoch where ``resume`` finds one.

    Raises
    ------
    KeyboardInterrupt
        If the user stops it.
    """
    config = module.config
    best, last = _checkpoints(run, monitor)
    trainer = _trainer(config, run, tracker, [*wanted, best, last], epochs, monitor, progress)
    started = time.monotonic()
    path = run.resume_file if resume and run.resume_file.is_file() else None
    os.environ[RUN_VARIABLE] = str(run.path)  # for the processes that Lightning starts
    try:
        trainer.fit(module, ckpt_path=path, weights_only=True)
    finally:
        os.environ.pop(RUN_VARIABLE)
    if trainer.interrupted:
        raise KeyboardInterrupt
    return Trained(trainer, best.best_model_path, time.monotonic() - started)


def _type_shift(config: Config, splits: Splits) -> np.ndarray:
    """Log-ratio of the types' shares in validation and in the training draw, (5,)."""
    drawn, there = sampling_types(splits.train.types), sampling_types(splits.validation.types)
    weights = sampling_weights(splits.train, config.sampling)
    # One protein more of each type, so that a type that validation lacks stays possible.
    before = np.bincount(drawn, weights, len(TYPES)) * len(there) + 1
    after = np.bincount(there, minlength=len(TYPES)) + 1
    shift = np.log(after) - np.log(before)
    return (shift - shift.mean()).astype(np.float32)


def _schedule(training: TrainingConfig, steps: int) -> Any:
    """Return the factor of the learning rate at each step."""
    warmup = max(1, round(training.warmup * steps))

    def factor(step: int) -> float:
        if training.schedule == "onecycle":
            warm, low = max(1, round(0.3 * steps)), 0.04
            if step < warm:
                return low + (1 - low) * (1 - math.cos(math.pi * step / warm)) / 2
            return max(1e-3, (1 + math.cos(math.pi * min(1, (step - warm) / (steps - warm)))) / 2)
        if step < warmup:
            return (step + 1) / warmup
        if training.schedule == "constant":
            return 1.0
        share = min(1.0, (step - warmup) / max(1, steps - warmup))
        return 0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2

    return factor


def _checkpoints(run: Run, monitor: str) -> tuple[callbacks.ModelCheckpoint, ...]:
    """Keep the best epoch, and after it the last one, which knows the best, to resume from."""
    shared: dict[str, Any] = {
        "dirpath": run.resume_file.parent,
        "enable_version_counter": False,
        "save_on_train_epoch_end": True,
    }
    best = callbacks.ModelCheckpoint(
        filename="best", monitor=monitor, mode=_mode(monitor), **shared
    )
    # save_last would write only where the epoch is also the best one.
    return best, callbacks.ModelCheckpoint(filename=run.resume_file.stem, **shared)


def _mode(monitor: str) -> str:
    return "min" if monitor.endswith("loss") else "max"


def _trainer(
    config: Config,
    run: Run,
    tracker: Tracker,
    wanted: Sequence[callbacks.Callback],
    epochs: int,
    monitor: str,
    progress: bool,
) -> pl.Trainer:
    training, wanted = config.training, [*wanted]
    if training.patience:
        wanted.append(
            callbacks.EarlyStopping(
                monitor,
                mode=_mode(monitor),
                patience=training.patience,
                check_on_train_epoch_end=True,
            )
        )
    if training.ema:
        wanted.append(callbacks.EMAWeightAveraging(decay=training.ema))
    if loggers := tracker.loggers():
        wanted.append(callbacks.LearningRateMonitor("step"))
    return pl.Trainer(
        max_epochs=epochs,
        accelerator={"cuda": "gpu"}.get(training.accelerator, training.accelerator),
        devices=training.devices,
        precision=lightning_precision(config),
        callbacks=wanted,
        logger=loggers or False,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        deterministic=training.deterministic,
        enable_progress_bar=progress,
        enable_model_summary=False,
        default_root_dir=run.path,
    )


def _run_info(config: Config, splits: Splits, module: TaggerTraining) -> dict[str, Any]:
    return {
        **({"init": module.initial.origin} if module.initial.origin else {}),
        "name": run_name(config),
        "seed": config.training.seed,
        "parameters": sum(p.numel() for p in module.tagger.parameters()),
        "proteins": {name: len(getattr(splits, name)) for name in ("train", "validation", "test")},
        "left_out": splits.left_out,
        "data_sha256": splits.checksums,
        "versions": environment(),
    }


def _export(
    config: Config,
    run: Run,
    module: TaggerTraining,
    trained: Trained,
) -> None:
    """Write the best epoch as a checkpoint, its probabilities calibrated on validation."""
    epoch = trained.restore_best(module)
    tagger = module.tagger.eval().cpu()
    module.predictions = calibrate(tagger, config, module.splits.validation)
    row = trained.best_row(run, epoch)
    metrics = run.info() | {"validation": row}
    save_checkpoint(run.model, tagger, config, metrics, model_card(config, metrics))


def _track_results(tracker: Tracker, config: Config, module: TaggerTraining) -> None:
    truths = {p.id: p.labels or "" for p in module.splits.validation.proteins}
    counts = np.zeros((len(TYPES), len(PREDICTED_COLUMNS)), dtype=int)
    for prediction in module.predictions:
        possible = true_types(truths[prediction.id])
        counts += type_confusion(possible[0] if len(possible) == 1 else None, prediction.type)
    tracker.log_confusion(counts.tolist(), PREDICTED_COLUMNS)
    tracker.log_predictions(truths, module.predictions[: config.tracking.examples])
    tracker.finish()


def quieten() -> None:
    """Silence Lightning's advice, which is for people who write loops, not for ours."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for pattern in ("The '.*_dataloader' does not have many workers", ".*LeafSpec.*",
                    "The number of training batches", "Checkpoint directory"):  # fmt: skip
        warnings.filterwarnings("ignore", pattern)
