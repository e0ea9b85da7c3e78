"""Processes of a training on several devices and machines.

Lightning starts the further processes of one machine itself. With torchrun, or srun of Slurm, the
launcher starts all of them, and its environment variables say how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from lightning.pytorch.utilities import rank_zero_only


class Layout(NamedTuple):
    """Number of processes on each machine, and number of machines."""

    devices: int
    nodes: int


def layout(devices: int, environment: Mapping[str, str] = os.environ) -> Layout:
    """Return how many processes train.

    Parameters
    ----------
    devices
        Number of devices of the configuration, which torchrun overrides.
    environment
        Environment variables.
    """
    local, world = (int(environment.get(k, 0)) for k in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    if "TORCHELASTIC_RUN_ID" in environment and local:
        return Layout(local, world // local)
    nodes, tasks = (int(environment.get(k, 0)) for k in ("SLURM_NNODES", "SLURM_NTASKS"))
    if tasks > 1 and tasks == nodes * devices:
        return Layout(devices, nodes)
    return Layout(devices, 1)


def is_first() -> bool:
    """Return whether this is the process that writes the files of the run."""
    return not rank_zero_only.rank
