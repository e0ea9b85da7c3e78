"""Lightning callback that writes ``history.csv`` and reports progress."""

from __future__ import annotations

import logging
import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch import callbacks

from topo.runs import Run

_log = logging.getLogger(__name__)


class HistoryWriter(callbacks.Callback):
    """Write ``history.csv`` and log a line of progress after each epoch.

    The rows are part of Lightning's checkpoint, so that a resumed run continues the table.

    Parameters
    ----------
    run
        Run to write to.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rows: list[dict[str, float]] = []
        self.started = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """Return the rows of the epochs so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows of the finished epochs."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the row of this epoch."""
        if not trainer.is_global_zero:
            return
        metrics = {k: float(v) for k, v in trainer.callback_metrics.items() if k != "loss"}
        metrics = {k: v for k, v in metrics.items() if not k.endswith("_step")}
        self.rows.append({**self.columns(trainer), **metrics})
        self.run.write_history(self.rows)
        _log.info(self.line(trainer))

    def columns(self, trainer: pl.Trainer) -> dict[str, float]:
        """Return the columns that precede the metrics."""
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        return {"epoch": trainer.current_epoch, "learning_rate": rate}

    def line(self, trainer: pl.Trainer) -> str:
        """Return the line of progress for the last row."""
        row, seconds = self.rows[-1], time.monotonic() - self.started
        names = ("train_loss", "val_loss", "val_residue_accuracy", "val_type_accuracy_macro",
                 "val_topology_accuracy_macro", "val_accuracy", "val_step_accuracy")  # fmt: skip
        shown = "  ".join(f"{name} {row[name]:.4f}" for name in names if name in row)
        return f"epoch {int(row['epoch']) + 1}/{trainer.max_epochs}  {shown}  {seconds:.0f} s"
