"""Load trained models and choose devices and threads."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import torch

from topo.checkpoint import Checkpoint, load_checkpoint
from topo.errors import ConfigError
from topo.resources import bundled


def load_model(model: str | PathLike[str] | None = None, device: str = "cpu") -> Checkpoint:
    """Load a trained model.

    Parameters
    ----------
    model
        Folder of a checkpoint or of a run, or the name of a bundled checkpoint; none takes
        ``topo-base``.
    device
        Torch device to put it on.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged or of another version.
    ConfigError
        If there is no such device.
    """
    path = Path(model) if model is not None else bundled("topo-base")
    if not path.exists() and str(model) == "topo-base":
        path = bundled("topo-base")
    if (path / "model" / "config.yaml").is_file():
        path = path / "model"
    check_device(device)
    checkpoint = load_checkpoint(path)
    checkpoint.tagger.to(device)
    return checkpoint


def check_device(device: str) -> None:
    """Complain about a torch device that is not there.

    Raises
    ------
    ConfigError
        Naming it, and why.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"found device {device!r}, expected one of this machine: {reason}"
        ) from None


def set_threads(threads: int) -> None:
    """Let torch use this many threads; 0 leaves it as it is."""
    if threads:
        torch.set_num_threads(threads)
