"""Checkpoints of the epochs of a training, and the selection of the one that it writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch import callbacks
from torch import Tensor

from topo.training.module import SeededTraining

MONITOR = "val_loss"
"""Metric of which the value of each validation protein is known."""


class RunCheckpoint(callbacks.ModelCheckpoint):
    """Lightning's checkpoint of an epoch, in a run folder that may be moved between two starts."""

    @property
    def state_key(self) -> str:
        """Key of the state in a checkpoint, that of Lightning's class."""
        return super().state_key.replace(type(self).__qualname__, "ModelCheckpoint", 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, with the files in the folder of the run as it is now."""

        def here(path: str) -> str:
            return str(Path(self.dirpath or "") / Path(path).name) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        moved = {name: here(state_dict[name]) for name in paths}
        kept = {here(path): score for path, score in state_dict["best_k_models"].items()}
        moved |= {"dirpath": self.dirpath, "best_k_models": kept}
        super().load_state_dict({**state_dict, **moved})


class BestEpoch(RunCheckpoint):
    """Checkpoint of the best epoch, with the noise of small validation sets in mind.

    With ``val_loss`` it is the latest epoch that is as good as the one with the lowest loss, see
    :func:`is_as_good`: of these it has learnt at the lowest rate and averaged the weights over
    most steps. With other metrics, and in trainings that do not keep the loss of each protein, it
    is the epoch with the best value.
    """

    lowest: list[float] | None = None
    """Loss of each protein in the epoch with the lowest mean so far."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the base class and the losses of the lowest epoch."""
        return {**super().state_dict(), "lowest": self.lowest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, also one without the losses of the lowest epoch."""
        super().load_state_dict(state_dict)
        self.lowest = state_dict.get("lowest")

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        """Return whether the present epoch replaces the one that is kept."""
        module = trainer.lightning_module
        losses = module.loss_of_each if isinstance(module, SeededTraining) else []
        better = super().check_monitor_top_k(trainer, current)
        if self.monitor != MONITOR or not losses or (self.lowest is None and not better):
            return better
        if self.lowest is None or np.mean(losses) < np.mean(self.lowest):
            self.lowest = list(losses)
        return trainer.strategy.reduce_boolean_decision(is_as_good(losses, self.lowest))


def is_as_good(losses: Sequence[float], lowest: Sequence[float]) -> bool:
    """Return whether the mean of paired losses is higher by at most one standard error.

    Parameters
    ----------
    losses, lowest
        Losses of the same proteins in two epochs. The standard error is that of the mean of
        their differences; with a single protein it is taken as 0.
    """
    difference = np.asarray(losses) - np.asarray(lowest)
    count = len(difference)
    error = difference.std(ddof=1) / math.sqrt(count) if count > 1 else 0.0
    return bool(difference.mean() <= error)
