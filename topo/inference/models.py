"""Loading of trained models, and choice of device and threads."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path

import torch

from topo.checkpoint import Checkpoint, load_checkpoint
from topo.errors import CheckpointError, ConfigError
from topo.models.catalogue import catalogue
from topo.models.folders import find_model
from topo.resources import bundled
from topo.runs import Run

_log = logging.getLogger(__name__)


def load_model(model: str | PathLike[str] | None = None, device: str = "cpu") -> Checkpoint:
    """Load a trained model.

    Parameters
    ----------
    model
        Path to a checkpoint or run folder, or name of a published model
        (:mod:`topo.models.folders` looks for it). None loads ``topo-base``.
    device
        Torch device of the model.

    Raises
    ------
    CheckpointError
        If the checkpoint does not exist, is damaged or has another format version.
    ConfigError
        If the device does not exist.
    """
    path = Path(model) if model is not None else bundled("topo-base")
    if not path.exists() and str(model) in catalogue():
        path = find_model(str(model))
    path = _model_folder(path)
    check_device(device)
    checkpoint = load_checkpoint(path)
    checkpoint.tagger.to(device)
    _log.debug(f"model {path} on {device}")
    return checkpoint


def _model_folder(path: Path) -> Path:
    """Return the checkpoint folder of a run, or the path itself if it is no run."""
    run = Run(path)
    if run.is_unfinished:
        raise CheckpointError(
            f"{path}: found an unfinished run ({run.progress()}), which has no model yet; "
            f"to continue: {run.resume_command()}"
        )
    return next((p for p in (run.model, run.trunk) if (p / "config.yaml").is_file()), path)


def check_device(device: str) -> None:
    """Check that a torch device exists.

    Raises
    ------
    ConfigError
        If it does not; the message holds torch's reason.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"found device {device!r}, expected one of this machine: {reason}"
        ) from None


def set_threads(threads: int) -> None:
    """Set the number of torch threads; 0 keeps the current number."""
    if threads:
        torch.set_num_threads(threads)
