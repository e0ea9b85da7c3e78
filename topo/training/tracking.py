"""Tracking of runs in Weights & Biases; the only module that imports wandb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger

from topo.config import Config
from topo.labels import TYPES
from topo.protein import Prediction


class Tracker:
    """Connection of a run to Weights & Biases; all methods do nothing when tracking is off.

    Parameters
    ----------
    config
        Configuration of the run, sent as its parameters.
    folder
        Run folder; offline files are written to its subfolder ``wandb``.
    name
        Name of the run.
    """

    def __init__(self, config: Config, folder: Path, name: str) -> None:
        self.logger: WandbLogger | None = None
        if config.tracking.wandb != "off":
            self.logger = WandbLogger(
                project=config.tracking.project,
                name=name,
                id=folder.name,
                resume="allow",
                save_dir=str(folder),
                offline=config.tracking.wandb == "offline",
                config=config.model_dump(mode="json"),
            )

    def loggers(self) -> list[Logger]:
        """Return the loggers for the trainer."""
        return [self.logger] if self.logger else []

    def info(self) -> dict[str, str]:
        """Return the entry of ``run.json`` with the address of the run; empty when offline."""
        url = getattr(self.logger.experiment, "url", None) if self.logger else None
        return {"wandb": url} if url else {}

    def log_confusion(self, counts: Sequence[Sequence[int]], columns: Sequence[str]) -> None:
        """Send the confusion matrix of protein types as a table, one row per true type."""
        if self.logger:
            rows = [[name, *map(int, row)] for name, row in zip(TYPES, counts, strict=True)]
            self.logger.log_table("type_confusion", columns=["truth", *columns], data=rows)

    def log_predictions(self, truths: Mapping[str, str], predictions: Sequence[Prediction]) -> None:
        """Send a table with the true and predicted topology of some proteins."""
        if self.logger:
            rows: list[list[Any]] = [
                [p.id, p.type, p.sequence, truths[p.id], p.labels, p.confidence]
                for p in predictions
            ]
            columns = ["id", "type", "sequence", "truth", "prediction", "confidence"]
            self.logger.log_table("predictions", columns=columns, data=rows)

    def finish(self) -> None:
        """Close the run."""
        if self.logger:
            self.logger.experiment.finish()
