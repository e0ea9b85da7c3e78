"""Lightning module with what taggers and trunks share in training."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Container, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from topo.config import Config
from topo.errors import DivergedError
from topo.runs import Run
from topo.training.optimizer import learning_rate_factor, make_optimizer
from topo.training.tracking import Tracker


class SeededTraining(pl.LightningModule):
    """Base class with seeded steps, gradient clipping, learning rates and means of an epoch.

    Parameters
    ----------
    config
        Configuration of the run.

    Attributes
    ----------
    verb
        Verb of ``topo`` that trains the module, as recorded in ``run.json``.
    """

    verb: str

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.sums: dict[str, list[float]] = defaultdict(list)

    @property
    @abstractmethod
    def epochs(self) -> int:
        """Number of epochs to train."""

    @property
    @abstractmethod
    def monitor(self) -> str:
        """Name of the validation metric that selects the best epoch."""

    @abstractmethod
    def run_info(self) -> dict[str, Any]:
        """Return the entries of ``run.json`` that are known before the first epoch."""

    @abstractmethod
    def export(self, run: Run, epoch: dict[str, float], tracker: Tracker) -> None:
        """Write the best epoch, whose weights are loaded, to the run folder.

        Parameters
        ----------
        run
            Run to write to.
        epoch
            Row of the best epoch in ``history.csv``.
        tracker
            Tracker of the run.
        """

    def on_train_epoch_start(self) -> None:
        """Clear the values of the epoch before."""
        self.sums.clear()

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        """Seed torch from seed, epoch, step and process: a resumed run repeats the same steps."""
        rank = self.trainer.global_rank
        step = (self.config.training.seed, self.current_epoch, index, *([rank] if rank else []))
        torch.manual_seed(int(np.random.SeedSequence(step).generate_state(1)[0]))

    def configure_gradient_clipping(self, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        """Clip by the norm of all gradients and record the norm before clipping."""
        limit = self.config.training.clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), limit)
        self.sums["gradient_norm"].append(float(norm))
        if self.logger:
            self.log("gradient_norm_step", norm)

    def finite(self, value: float) -> float:
        """Return the value of a loss.

        Raises
        ------
        DivergedError
            If it is infinite or not a number.
        """
        if not math.isfinite(value):
            raise DivergedError(
                f"training diverged at epoch {self.current_epoch + 1}, learning rate "
                f"{self.config.training.learning_rate:g}: found loss {value}, expected a number; "
                "try a lower --learning-rate"
            )
        return value

    def scheduled_optimizer(
        self,
        model: torch.nn.Module,
        steps: int,
        initialised: Container[str] = (),
        earlier: Sequence[tuple[int, int]] = (),
    ) -> dict[str, Any]:
        """Return the configured optimiser with a learning rate that changes at each step.

        Parameters
        ----------
        model
            Module whose parameters are optimised.
        steps
            Number of steps of the whole training.
        initialised
            Names of the weights that come from another model.
        earlier
            As for :func:`topo.training.optimizer.learning_rate_factor`.
        """
        training = self.config.training
        optimizer = make_optimizer(model, training, initialised)
        factor = learning_rate_factor(training, steps, earlier)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def epoch_means(self) -> dict[str, float]:
        """Return the mean of each value recorded in this epoch, and the largest gradient norm."""
        means = {name: math.fsum(values) / len(values) for name, values in self.sums.items()}
        return means | {"gradient_norm_max": max(self.sums.get("gradient_norm", [0.0]))}
