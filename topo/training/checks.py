"""Checks of a training before its run folder is made: device, tracking, and monitored metric."""

from __future__ import annotations

import math

import torch

from topo.config import Config
from topo.data.labelled_set import LabelledSet
from topo.data.splits import Splits
from topo.errors import ConfigError
from topo.metrics.headline import headline_metrics
from topo.protein import Prediction
from topo.training.tracking import check_tracking


def check_training(config: Config, splits: Splits) -> None:
    """Check that a training can run on this machine and select its best epoch.

    Raises
    ------
    ConfigError
        If the device or the key of Weights & Biases is missing, or the monitored metric has no
        value on the validation proteins.
    """
    check_machine(config)
    _check_monitor(config, splits.validation)


def check_machine(config: Config) -> None:
    """Check that this machine has the devices and the key of Weights & Biases that are needed.

    Raises
    ------
    ConfigError
        If it does not.
    """
    training = config.training
    kind = {"gpu": "cuda"}.get(training.accelerator, training.accelerator)
    found = _devices(kind)
    if found is not None and found < training.devices:
        raise ConfigError(
            f"training.accelerator: found {found} {kind} devices on this machine, expected "
            f"{training.devices}; --accelerator cpu trains without"
        )
    check_tracking(config.tracking)


def _devices(kind: str) -> int | None:
    """Return the number of devices of a kind; None where any number can be used."""
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    return None


def _check_monitor(config: Config, validation: LabelledSet) -> None:
    monitor, heads = config.training.monitor, config.model.heads
    heads_of = {"val_type_loss": heads.type, "val_cleavage_loss": heads.cleavage}
    if not heads_of.get(monitor, True):
        raise ConfigError(f"training.monitor: {monitor} has no value, the model has no such head")
    scheme = validation.scheme
    truths = [protein.labels or "" for protein in validation.proteins]
    # Which metrics have a value depends on the true labels alone.
    guesses = [
        Prediction("", "I" * len(truth), scheme.letters[0] * len(truth), None, scheme=scheme)
        for truth in truths
    ]
    figures = headline_metrics(truths, guesses)
    if math.isnan(figures.get(monitor.removeprefix("val_"), 0.0)):
        raise ConfigError(
            f"training.monitor: {monitor} has no value on the {len(truths)} validation proteins; "
            f"they have the types {_types(validation)}"
        )


def _types(validation: LabelledSet) -> str:
    """Return the types of the proteins whose type is certain."""
    counts = validation.types[validation.types.sum(1) == 1].sum(0)
    names = validation.scheme.type_names
    found = [name for name, count in zip(names, counts.tolist(), strict=True) if count]
    return ", ".join(found) or "that their labels leave open"
