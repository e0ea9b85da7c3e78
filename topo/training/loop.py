"""Training of taggers and trunks with Lightning's trainer."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch import callbacks

from topo.config import Config, TrainingConfig, dump_config, with_absolute_paths
from topo.data.splits import Splits
from topo.io.files import atomic_text
from topo.nn.precision import lightning_precision
from topo.runs import Run
from topo.training.averaging import warmed_average
from topo.training.checkpoint_files import (
    SafeCheckpointIO,
    checkpoint_to_resume,
    read_checkpoint,
)
from topo.training.checks import check_training
from topo.training.history import HistoryWriter
from topo.training.interruption import interruptible, stop_other_processes
from topo.training.launch import is_first, layout
from topo.training.module import SeededTraining
from topo.training.resuming import check_same_data, record_length
from topo.training.selection import BestEpoch, RunCheckpoint
from topo.training.tagging import TaggerTraining
from topo.training.tracking import Tracker

RUN_VARIABLE = "TOPO_RUN"
"""Environment variable with the run folder, for the processes that Lightning starts."""


def fit(
    config: Config,
    splits: Splits,
    run: Run,
    *,
    resume: bool = False,
    progress: bool = False,
    also: Sequence[callbacks.Callback] = (),
) -> Path:
    """Train a tagger, write its run folder, and return the checkpoint of the best epoch.

    Parameters
    ----------
    config
        Configuration of the run.
    splits
        Proteins of the configuration, see :meth:`topo.data.splits.Splits.of`.
    run
        Run to write to.
    resume
        Whether to continue after the last finished epoch of the run.
    progress
        Whether to show a progress bar.
    also
        Additional Lightning callbacks. At the end of an epoch its row is in ``history.csv``.

    Returns
    -------
    pathlib.Path
        Folder of the checkpoint.

    Raises
    ------
    TopoError
        If the training cannot start, diverges, or the folder cannot be written.
    Interrupted
        If SIGINT or SIGTERM came.
    """
    check_training(config, splits)
    if resume:
        check_same_data(run, splits)
        if is_first():
            record_length(run, config)
    prepare(config.training)
    lengthened = run.info().get("lengthened", ()) if resume else ()
    module = TaggerTraining(config, splits, lengthened)
    train(module, run, [HistoryWriter(run), *also], resume=resume, progress=progress)
    return run.model


def prepare(training: TrainingConfig) -> None:
    """Silence Lightning, set the number of threads, and seed the random weights."""
    quieten()
    if training.threads:
        torch.set_num_threads(training.threads)
    pl.seed_everything(training.seed, verbose=False)


def quieten() -> None:
    """Silence Lightning's messages and its advice on data loaders."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for pattern in ("The '.*_dataloader' does not have many workers", ".*LeafSpec.*",
                    "The number of training batches", "Checkpoint directory"):  # fmt: skip
        warnings.filterwarnings("ignore", pattern)


def train(
    module: SeededTraining,
    run: Run,
    wanted: Sequence[callbacks.Callback],
    *,
    resume: bool = False,
    progress: bool = False,
) -> None:
    """Train a module, record the run, and export the best epoch.

    Parameters
    ----------
    module
        Module to train.
    run
        Run to write to.
    wanted
        Callbacks beside those for checkpoints, early stopping and tracking.
    resume, progress
        As for :func:`fit`.

    Raises
    ------
    Interrupted
        If SIGINT or SIGTERM came.
    """
    with interruptible(run):
        tracker = Tracker(module.config, run)
        if is_first():
            run.remove_temporary()
            _begin(run, module, tracker)
        best, last = _checkpoints(run, module.monitor)
        trainer = _trainer(module, run, tracker, [*wanted, best, last], progress)
        started = time.monotonic()
        _run_epochs(trainer, module, run, resume)
        if not trainer.is_global_zero:
            return
        seconds = time.monotonic() - started
        row = run.record_best(_restore(module, best.best_model_path), seconds)
        module.export(run, row, tracker)
        tracker.finish()


def _begin(run: Run, module: SeededTraining, tracker: Tracker) -> None:
    """Write ``config.yaml`` and ``run.json``."""
    with atomic_text(run.path / "config.yaml") as file:
        file.write(dump_config(with_absolute_paths(module.config)))
    about = {"verb": module.verb, "epochs": module.epochs}
    run.update_info(**about, **module.run_info(), **tracker.info())


def _run_epochs(trainer: pl.Trainer, module: SeededTraining, run: Run, resume: bool) -> None:
    path = checkpoint_to_resume(run) if resume else None
    os.environ[RUN_VARIABLE] = str(run.path)
    try:
        trainer.fit(module, ckpt_path=path, weights_only=True)
    except BaseException:
        stop_other_processes(trainer)
        raise
    finally:
        os.environ.pop(RUN_VARIABLE)


def _restore(module: SeededTraining, path: str) -> int:
    """Load the weights of an epoch into the module, and return the number of the epoch."""
    state = read_checkpoint(path)
    module.load_state_dict(state["state_dict"])
    return int(state["epoch"])


def _checkpoints(run: Run, monitor: str) -> tuple[RunCheckpoint, ...]:
    """Return callbacks that keep the best epoch, and the last one to resume from."""
    shared: dict[str, Any] = {
        "dirpath": run.resume_file.parent,
        "enable_version_counter": False,
        "save_on_train_epoch_end": True,
    }
    best = BestEpoch(filename="best", monitor=monitor, mode=_mode(monitor), **shared)
    # Not save_last, which writes only when the epoch is also the best one. The second callback
    # runs after the first, so that the file of the last epoch records which one is the best.
    return best, RunCheckpoint(filename=run.resume_file.stem, **shared)


def _mode(monitor: str) -> str:
    return "min" if monitor.endswith("loss") else "max"


def _trainer(
    module: SeededTraining,
    run: Run,
    tracker: Tracker,
    wanted: Sequence[callbacks.Callback],
    progress: bool,
) -> pl.Trainer:
    training, loggers = module.config.training, tracker.loggers()
    devices, nodes = layout(training.devices)
    return pl.Trainer(
        max_epochs=module.epochs,
        accelerator={"cuda": "gpu"}.get(training.accelerator, training.accelerator),
        devices=devices,
        num_nodes=nodes,
        precision=lightning_precision(module.config),  # pyright: ignore[reportArgumentType]: str
        plugins=[SafeCheckpointIO(run)],
        callbacks=[*wanted, *_optional_callbacks(module, bool(loggers))],
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


def _optional_callbacks(module: SeededTraining, tracked: bool) -> list[callbacks.Callback]:
    """Return callbacks for early stopping, weight averaging and learning rates, as configured."""
    training, monitor = module.config.training, module.monitor
    chosen: list[callbacks.Callback] = []
    if training.patience:
        stopping = callbacks.EarlyStopping(
            monitor, mode=_mode(monitor), patience=training.patience, check_on_train_epoch_end=True
        )
        chosen.append(stopping)
    if training.ema:
        chosen.append(warmed_average(training.ema))
    if tracked:
        chosen.append(callbacks.LearningRateMonitor("step"))
    return chosen
