"""Lightning module with what taggers and trunks share in training."""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from topo.config import Config
from topo.errors import DivergedError
from topo.graph import ResidueGraph
from topo.nn.losses import total_loss
from topo.runs import Run
from topo.training.optimizer import learning_rate_factor, make_optimizer
from topo.training.tracking import Tracker

_log = logging.getLogger(__name__)


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
        self.loss_of_each: list[float] = []
        """Loss of each validation protein in this epoch; empty if the module does not keep it."""

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


class PartwiseTraining(SeededTraining):
    """Training on batches in parts, whose gradients are added.

    A batch that is too large for the memory comes in several parts. Their losses are weighted so
    that the sum is the loss of the whole batch.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.was_split = False

    @property
    def epochs(self) -> int:
        """Number of epochs to train."""
        return self.config.training.epochs

    @property
    def monitor(self) -> str:
        """Name of the validation metric that selects the best epoch."""
        return self.config.training.monitor

    @abstractmethod
    def part_losses(self, part: ResidueGraph) -> dict[str, Tensor]:
        """Return the losses of a part, each averaged over its records."""

    @abstractmethod
    def part_shares(self, parts: Sequence[ResidueGraph]) -> list[dict[str, float]]:
        """Return the weight of each loss of each part."""

    def training_step(self, parts: list[ResidueGraph], index: int) -> Tensor:
        """Return the loss of the last part of a batch, after the gradients of those before."""
        self._tell_of_parts(parts)
        values: dict[str, float] = defaultdict(float)
        loss = torch.zeros(())
        shares = self.part_shares(parts)
        for number, (part, own) in enumerate(zip(parts, shares, strict=True)):
            if number:
                self._backward_of_part(loss)
            loss = self._part_loss(part, own, values)
        values = self.over_processes(values)
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

    def _part_loss(
        self, part: ResidueGraph, shares: Mapping[str, float], values: dict[str, float]
    ) -> Tensor:
        """Return the weighted loss of a part, and add its losses to ``values``."""
        losses = {name: loss * shares[name] for name, loss in self.part_losses(part).items()}
        loss = total_loss(losses, self.config.loss)
        values["loss"] += float(loss.detach())
        for name, value in losses.items():
            values[f"{name}_loss"] += float(value.detach())
        world = self.trainer.world_size  # the gradients are averaged over the processes
        return loss * world if world > 1 else loss

    def over_processes(self, values: Mapping[str, float]) -> dict[str, float]:
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
