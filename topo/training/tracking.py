"""Tracking of runs in Weights & Biases; the only module that imports wandb."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from topo.config import Config, TrackingConfig
from topo.errors import ConfigError, TopoError
from topo.protein import Prediction
from topo.runs import Run

_OFFLINE_MODES = ("offline", "dryrun", "disabled")
"""Values of WANDB_MODE, which wins over the configuration, that need no key."""


def check_tracking(tracking: TrackingConfig) -> None:
    """Check that there is a key of Weights & Biases if tracking is online.

    Raises
    ------
    ConfigError
        If there is none.
    """
    mode = os.environ.get("WANDB_MODE", tracking.wandb)
    if tracking.wandb == "online" and mode not in _OFFLINE_MODES and not _has_key():
        raise ConfigError(
            "tracking.wandb: found online and no key of Weights & Biases, expected wandb login "
            "or WANDB_API_KEY; --wandb offline needs none"
        )


def _has_key() -> bool:
    import wandb

    try:
        return bool(wandb.login(prompt=False))
    except TypeError:  # wandb before 0.25
        return bool(wandb.api.api_key)
    except Exception as error:  # a key of another form; wandb has many errors
        raise ConfigError(f"tracking.wandb: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


class Tracker:
    """Connection of a run to Weights & Biases; all methods do nothing when tracking is off.

    Parameters
    ----------
    config
        Configuration of the run, sent as its parameters.
    run
        Run to track; offline files are written to its subfolder ``wandb``.

    Attributes
    ----------
    id
        Id of the run at Weights & Biases: ``WANDB_RUN_ID``, else that of an earlier start of this
        run, else a new one. None if tracking is off.

    Raises
    ------
    TopoError
        If the run cannot be created at Weights & Biases.
    """

    def __init__(self, config: Config, run: Run) -> None:
        self.logger: WandbLogger | None = None
        self.id: str | None = None
        if config.tracking.wandb == "off":
            return
        self.id = _run_id(run)
        offline = config.tracking.wandb == "offline"
        # The mode is an argument, too: wandb reads WANDB_MODE only once in a process.
        mode: dict[str, Any] = {"mode": "offline"} if offline else {}
        self.logger = WandbLogger(
            project=config.tracking.project,
            name=run.path.name,
            id=self.id,
            resume="allow",
            save_dir=str(run.path),
            offline=offline,
            config=config.model_dump(mode="json"),
            **mode,
        )
        if rank_zero_only.rank == 0:
            self._begin(self.logger)

    def _begin(self, logger: WandbLogger) -> None:
        try:
            _ = logger.experiment  # starts the run
        except Exception as error:  # wandb has many errors
            raise TopoError(f"tracking.wandb: {_first_line(error)}") from None

    def loggers(self) -> list[Logger]:
        """Return the loggers for the trainer."""
        return [self.logger] if self.logger else []

    def info(self) -> dict[str, str]:
        """Return the entries of ``run.json``: id, and address of the run unless it is offline."""
        url = getattr(self.logger.experiment, "url", None) if self.logger else None
        return ({"wandb_id": self.id} if self.id else {}) | ({"wandb": url} if url else {})

    def log_confusion(self, counts: Sequence[Sequence[int]], names: Sequence[str]) -> None:
        """Send the confusion matrix of protein types as a table, one row per true type."""
        if self.logger:
            rows = [[name, *map(int, row)] for name, row in zip(names, counts, strict=True)]
            columns = ["truth", *names, "illegal"]
            self.logger.log_table("type_confusion", columns=columns, data=rows)

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


def _run_id(run: Run) -> str:
    """Return the id of a run; runs of earlier versions have the name of their folder."""
    if given := os.environ.get("WANDB_RUN_ID"):
        return given
    info = run.info()
    known = info.get("wandb_id") or (run.path.name if "name" in info else None)
    return known or uuid.uuid4().hex[:12]
